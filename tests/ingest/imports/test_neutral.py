"""Refused rows go out as a CSV that no spreadsheet takes for formulas, and come in again as they were."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.imports.cells import text_of
from services.ingest.imports.neutral import BYTE_ORDER_MARK, header, lines, neutral
from services.ingest.imports.store import RefusedRow

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20)
HOSTILE = st.builds(lambda first, rest: first + rest, st.sampled_from([*BEGINNINGS, "'="]), TEXT)


@given(st.lists(TEXT | HOSTILE, min_size=1, max_size=5), TEXT | HOSTILE)
def test_no_cell_of_the_file_begins_a_formula(cells: list[str], reason: str) -> None:
    cells = [text_of(cell) for cell in cells]  # as they are kept
    written = header(cells) + lines([RefusedRow(1, 2, reason, cells)])

    rows = list(csv.reader(io.StringIO(written.removeprefix(BYTE_ORDER_MARK).decode(), newline="")))
    assert len(rows) == 2
    assert not any(cell.startswith(BEGINNINGS) for row in rows for cell in row)
    assert [text_of(cell) for cell in rows[1][2:]] == cells


def test_what_is_no_formula_stays_as_it_is() -> None:
    assert neutral("5 - 3 = 2") == "5 - 3 = 2"
    assert neutral("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert neutral("-5") == "'-5"
