"""CSV and its kin: which delimiter and quote a file uses, and its rows. Pure over an open text file; never holds more than a row."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Literal, TextIO

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.imports.cells import MAX_CELL, Row, UnreadableFile, column_names, is_blank

MAX_LINE = 1024 * 1024
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
    """The lines of a file opened with `newline=""`, with their ends. Raises UnreadableFile for one that does not end."""
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            raise UnreadableFile(
                f"line {number:,} is longer than {MAX_LINE:,} characters: this is no table as text, or its line ends are lost"
            )
        yield line


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


def read(text: TextIO, dialect: Dialect, header_row: int) -> tuple[list[str], Iterator[Row]]:
    """The columns, from the row that is the `header_row`-th that is not blank, and the rows below. Raises UnreadableFile."""
    rows = _rows(text, dialect)
    found = list(islice(rows, header_row))
    if len(found) < header_row:
        raise UnreadableFile("the file is empty: it should hold a row with the names of the columns, and rows below")
    if (problem := found[-1].problem) is not None:
        raise UnreadableFile(f"the row with the names of the columns cannot be read: {problem}")
    columns = column_names(found[-1].cells)
    return columns, (_fitting(row, len(columns)) for row in rows)


def _rows(text: TextIO, dialect: Dialect) -> Iterator[Row]:
    """Every row that is not blank, the first of the file included."""
    reader = csv.reader(_with_end(lines_of(text)), delimiter=dialect.delimiter, quotechar=dialect.quote)
    while True:
        line = reader.line_num + 1
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
        elif not all(map(is_blank, cells)) and not (line == 1 and _SAID.match(text_line(cells, dialect))):
            yield Row(line, cells)


def text_line(cells: Sequence[str], dialect: Dialect) -> str:
    """The cells as they stood in a line without quotes."""
    return dialect.delimiter.join(cells)


def _with_end(lines: Iterator[str]) -> Iterator[str]:
    yield from lines
    yield _END


def _fitting(row: Row, width: int) -> Row:
    """The row, with a problem when it has other cells than the header; blank ones at its end do not count."""
    if row.problem is not None or len(row.cells) == width:
        return row
    cells = list(row.cells)
    while len(cells) > width and is_blank(cells[-1]):
        cells.pop()
    if len(cells) == width:
        return Row(row.line, cells)
    return Row(row.line, cells, f"has {len(cells)} cells where there are {width} columns: put a text that holds the delimiter in quotes")
