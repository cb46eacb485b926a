"""What a file is made of, whatever its format: rows of cells. Pure.

A row that the format itself spoils (too many cells, a line that is no JSON) is a row too: it carries its problem and is counted.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from services.ingest.adapters.node import storable
from shared.errors import HearbackError

Cell = str | int | float | bool | datetime | date | time | timedelta | None
"""Text in CSV; what the file says in XLSX and NDJSON. Blank is None or a text of spaces."""

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula, unless an apostrophe stands before it, which is then no part of the text."""

MAX_NAME = 240
MAX_COLUMNS = 2000
MAX_CELL = 131_072
"""Characters; the longest text of an event has 50,000."""


class UnreadableFile(HearbackError):
    """The file cannot be imported as it is; the text says why and what to do, and holds nothing of its content."""


class Row(NamedTuple):
    """One row of data. `line` is where a person finds it: the line of a text file, the row number of a sheet, counted from 1."""

    line: int
    cells: Sequence[Cell]
    problem: str | None = None
    whole: str | None = None
    """Of NDJSON: the line as it stands."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file that is open for reading. `rows` can be gone through once; `share` says how much of it has been, from 0 to 1.

    Rows that are blank from end to end are no rows: None stands there, because a file may have a million of them and whoever reads it
    wants to pause. `rows` raises UnreadableFile where the file turns out broken.
    """

    columns: Sequence[str]
    rows: Iterator[Row | None]
    share: Callable[[], float]


def is_blank(cell: Cell) -> bool:
    """Whether nothing stands there."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def text_of(cell: Cell) -> str:
    """A cell as text: a number without a trailing .0, a date without a time of midnight, line ends as \\n, no spaces around."""
    match cell:
        case None:
            return ""
        case str():
            said = cell.replace("\r\n", "\n").replace("\r", "\n").strip()
            return said[1:] if said[:1] == "'" and said[1:2] in FORMULA else said
        case bool():
            return "true" if cell else "false"
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 1e16 else repr(cell)
        case datetime():
            return (cell.date() if cell.time() == time() and cell.tzinfo is None else cell).isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return f"{cell.total_seconds():g}"
    return str(cell)


def row_hash(columns: Sequence[str], row: Row) -> bytes:
    """16 bytes that stand for the content of a row: the same whatever the line ends, the quoting or the encoding of the file were."""
    said = row.whole or json.dumps([pair for pair in zip(columns, map(text_of, row.cells), strict=False) if pair[1]], ensure_ascii=False)
    return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=16).digest()


def column_names(cells: Sequence[Cell]) -> list[str]:
    """The names in a header row, each one its own: a blank one is `column 3`, a second `Score` is `Score (2)`. Raises UnreadableFile."""
    named = [storable(text_of(cell)).strip()[:MAX_NAME] for cell in cells]
    while named and not named[-1]:
        named.pop()
    if not named:
        raise UnreadableFile("the first row is blank: it should hold the names of the columns")
    if len(named) > MAX_COLUMNS:
        raise UnreadableFile(f"there are {len(named):,} columns; at most {MAX_COLUMNS:,} can be read: leave out what is not needed")
    taken: set[str] = set()
    unique: list[str] = []
    for place, name in enumerate(named, start=1):
        wanted = base = name or f"column {place}"
        again = 1
        while wanted in taken:
            again += 1
            wanted = f"{base} ({again})"
        taken.add(wanted)
        unique.append(wanted)
    return unique
