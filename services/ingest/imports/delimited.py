"""CSV and its kin: which delimiter and quote a file uses, and its rows. Pure over an open text file, of which it holds a row at most."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Annotated, Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.imports.cells import MAX_CELL, Row, UnreadableFile, column_names, is_blank

MAX_LINE = 1024 * 1024
MAX_ROW = 4 * MAX_LINE
"""Characters, over all lines of a row whose cells have line ends."""
TOO_LONG = "x" * (MAX_CELL + 1)
"""Stands in the place of a line that is too long: csv refuses it in whatever row it comes, as a cell that is."""
_LONGEST_PIECES = 64
_HEADER_WITHIN = 10_000
_SAMPLE_LINES = 200
_DELIMITERS = (",", ";", "\t", "|")
_SAID = re.compile(r"sep=(.)\s*$")
_END = "\x00end of the file\x00"
"""Goes behind the last line: where it comes back inside a cell, a quote was still open."""


class Dialect(BaseModel):
    """How cells are told apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: Annotated[str, Field(pattern=r"^[^\r\n\"'\x00]$", description="The character between two cells")] = ","
    quote: Annotated[Literal['"', "'"], Field(description="The character around a cell that holds the delimiter")] = '"'


def lines_of(text: TextIO) -> Iterator[str]:
    """The lines of a file opened with `newline=""`, with their ends, and TOO_LONG for one with more than MAX_LINE characters.

    Raises UnreadableFile when the first line is so long, or one does not end at all.
    """
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if not _cut(line):
            yield line
        elif number > 1 and any(not _cut(text.readline(MAX_LINE)) for _ in range(_LONGEST_PIECES)):
            yield TOO_LONG
        else:
            raise UnreadableFile(
                f"line {number:,} is longer than {MAX_LINE:,} characters: this is no table as text, or its line ends are lost"
            )


def _cut(line: str) -> bool:
    return len(line) == MAX_LINE and not line.endswith(("\n", "\r"))


def detect(text: TextIO) -> Dialect:
    """The delimiter that gives every row as many cells as the first; what Excel says in a first line `sep=;` goes before."""
    sample = [line for line in islice(lines_of(text), _SAMPLE_LINES) if line.strip()]
    if sample and (said := _SAID.match(sample[0])):
        return Dialect(delimiter=said[1], quote=_quote(sample, said[1]))
    scored = [(*_score(sample, delimiter, quote := _quote(sample, delimiter)), delimiter, quote) for delimiter in _DELIMITERS]
    share, width, delimiter, quote = max(scored, key=lambda score: score[:2])
    return Dialect(delimiter=delimiter, quote=quote) if share and width > 1 else Dialect(quote=_quote(sample, ","))


def _score(sample: Sequence[str], delimiter: str, quote: str) -> tuple[float, int]:
    """Which share of the rows is as wide as the first, and how wide that is; nothing for a delimiter that does not occur in it."""
    try:
        widths = [len(row) for row in csv.reader(sample, delimiter=delimiter, quotechar=quote)]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    complete = widths[:-1] if len(widths) > 1 and len(sample) == _SAMPLE_LINES else widths  # the sample may end inside a row
    return round(Counter(complete)[widths[0]] / len(complete), 2), widths[0]


def _quote(sample: Sequence[str], delimiter: str) -> Literal['"', "'"]:
    between = re.escape(delimiter)
    single, double = (
        sum(len(re.findall(rf"(?:^|{between}){quote}[^{quote}\r\n]*{quote}(?={between}|\r?$)", line.rstrip("\n"))) for line in sample)
        for quote in ("'", '"')
    )
    return "'" if single > double else '"'


def read(text: TextIO, dialect: Dialect, header_row: int) -> tuple[list[str], Iterator[Row | None]]:
    """The columns, from the row that is the `header_row`-th that is not blank, and the rows below. Raises UnreadableFile."""
    rows = _rows(text, dialect)
    header = next(islice(filter(None, islice(rows, _HEADER_WITHIN)), header_row - 1, None), None)
    if header is None:
        raise UnreadableFile("the file is empty: it should hold a row with the names of the columns, and rows below")
    if header.problem is not None:
        raise UnreadableFile(f"the row with the names of the columns cannot be read: {header.problem}")
    columns = column_names(header.cells)
    return columns, (row and _fitting(row, len(columns)) for row in rows)


def _rows(text: TextIO, dialect: Dialect) -> Iterator[Row | None]:
    """Every row, the first of the file included; None for one that is blank."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote)
    while True:
        line = reader.line_num + 1
        lines.taken = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Row(line, (), f"a cell has more than {MAX_CELL:,} characters: is a quote opened in line {line:,} and never closed?")
            continue
        if cells == [_END]:
            return
        if cells and cells[-1].endswith(_END):
            cells[-1] = cells[-1].removesuffix(_END)
            yield Row(line, cells, "a quote is opened in this row and never closed: close it, or double it where it is meant as a quote")
        elif all(map(is_blank, cells)) or (line == 1 and _SAID.match(text_line(cells, dialect))):
            yield None
        else:
            yield Row(line, cells)


def text_line(cells: Sequence[str], dialect: Dialect) -> str:
    """The cells as they stood in a line without quotes."""
    return dialect.delimiter.join(cells)


class _Lines:
    """The lines of a file and _END, for a reader that takes as many as a row has; `taken` counts characters."""

    def __init__(self, text: TextIO) -> None:
        self._lines = chain(lines_of(text), [_END])
        self.taken = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.taken += len(line)
        return line if self.taken <= MAX_ROW else TOO_LONG


def _fitting(row: Row, width: int) -> Row:
    """The row with as many cells as the header: blank ones at its end may be left out, or too many. With a problem when others are."""
    if row.problem is not None or len(row.cells) == width:
        return row
    cells = [*row.cells, *[""] * (width - len(row.cells))]
    while len(cells) > width and is_blank(cells[-1]):
        cells.pop()
    if len(cells) == width:
        return Row(row.line, cells)
    return Row(row.line, cells, f"has {len(cells)} cells where there are {width} columns: put a text that holds the delimiter in quotes")
