"""The rows that were refused, as a CSV file that is safe to open in a spreadsheet. Pure.

A cell that a spreadsheet would take for a formula gets an apostrophe in front, which an import takes off again.
https://owasp.org/www-community/attacks/CSV_Injection

The first two columns have names that no guess takes for a field, so that the file can be corrected and imported as it is.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from services.ingest.imports.cells import FORMULA
from services.ingest.imports.store import RefusedRow

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""So that spreadsheets read UTF-8."""
LINE, REASON = "refused line", "refused because"
_BEGINNINGS = (*FORMULA, "\t", "\r", "\n")


def neutral(cell: str) -> str:
    """The cell, as text for a spreadsheet too."""
    return f"'{cell}" if cell.startswith(_BEGINNINGS) else cell


def header(columns: Sequence[str]) -> bytes:
    """The first line: where the row is, why it was refused, and the columns of the file."""
    return BYTE_ORDER_MARK + _lines([[LINE, REASON, *columns]])


def lines(rows: Iterable[RefusedRow]) -> bytes:
    """One line for each row."""
    return _lines([str(row.line), row.reason, *row.cells] for row in rows)


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([neutral(cell) for cell in row] for row in rows)
    return text.getvalue().encode()
