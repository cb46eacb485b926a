"""The XML of a sheet, and of a workbook's styles and texts, taken apart as it comes. Pure; holds the present row and nothing else.

openpyxl makes a tree of each row, and of each 16 KiB at once: four times the work, in pieces that other work waits for.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from xml.parsers import expat

from openpyxl.styles.numbers import builtin_format_code, is_date_format, is_timedelta_format
from openpyxl.utils import column_index_from_string
from openpyxl.utils.datetime import from_excel, from_ISO8601
from openpyxl.utils.escape import unescape
from openpyxl.xml.constants import SHEET_MAIN_NS

from services.ingest.imports.cells import MAX_COLUMNS, Cell, is_blank

BLOCK = 4096
_ROW, _CELL, _VALUE, _STRING, _TEXT, _PHONETIC, _FORMAT, _STYLES, _STYLE = (
    f"{SHEET_MAIN_NS} {name}" for name in ("row", "c", "v", "si", "t", "rPh", "numFmt", "cellXfs", "xf")
)
_EASTERN_DATES = frozenset((*range(27, 37), *range(50, 59)))
"""Numbers of formats that no file describes; in Chinese, Japanese and Korean they are dates and times (ECMA-376 part 1, 18.8.30)."""


class Source(Protocol):
    """Where XML comes from; `mark` hears that nothing of before is needed any more."""

    def read(self, count: int, /) -> bytes: ...
    def mark(self) -> None: ...


class _Part:
    """A part of the archive."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def parse(self, ready: list[Any]) -> Iterator[list[Any]]:
        """Everything that became ready with each block of XML, which may be nothing."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler = self.data
        parser.StartDoctypeDeclHandler = _no_doctype
        while block := self._source.read(BLOCK):
            parser.Parse(block)
            yield ready
            ready.clear()
        parser.Parse(b"", True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def end(self, name: str) -> None:
        raise NotImplementedError

    def data(self, text: str) -> None:
        """Text is of interest in some elements only."""


class Styles(_Part):
    """The styles of cells that are dates and times, and those that are lengths of time, by their numbers."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.dates: set[int] = set()
        self.lengths: set[int] = set()
        self._formats: dict[int, str] = {}
        self._of_cells = False
        self._count = 0

    def read(self) -> Iterator[object]:
        """Go through it; a generator, so that whoever does can pause."""
        return self.parse([])

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _FORMAT:
            self._formats[int(attributes["numFmtId"])] = attributes["formatCode"]
        elif name == _STYLES:
            self._of_cells = True
        elif name == _STYLE and self._of_cells:
            number = int(attributes.get("numFmtId", 0))
            code = self._formats.get(number) or builtin_format_code(number)
            if is_date_format(code) or (code is None and number in _EASTERN_DATES):
                self.dates.add(self._count)
            if is_timedelta_format(code):
                self.lengths.add(self._count)
            self._count += 1

    def end(self, name: str) -> None:
        if name == _STYLES:
            self._of_cells = False
        self._source.mark()


class _Texts(_Part):
    """Collects the text of a cell or of an entry of the table: that of its runs, without what says how Chinese or Japanese is read."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._collects = self._phonetic = False
        self._parts: list[str] = []

    def take(self) -> str:
        """What was collected."""
        text = "".join(self._parts)
        self._parts.clear()
        self._collects = False
        return text

    def data(self, text: str) -> None:
        if self._collects and not self._phonetic:
            self._parts.append(text)


class Strings(_Texts):
    """The table of texts."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._ready: list[str] = []

    def read(self) -> Iterator[Sequence[str]]:
        """The texts, some at a time."""
        return self.parse(self._ready)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _TEXT:
            self._collects = True
        elif name == _PHONETIC:
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == _TEXT:
            self._collects = False
        elif name == _PHONETIC:
            self._phonetic = False
        elif name == _STRING:
            self._ready.append(_plain(self.take()))
            self._source.mark()


class Rows(_Texts):
    """The cells of a sheet. `strings` is the table of texts; dates are days since `epoch`."""

    def __init__(self, source: Source, strings: Callable[[int], str], styles: Styles, epoch: datetime) -> None:
        super().__init__(source)
        self._strings = strings
        self._styles = styles
        self._epoch = epoch
        self._ready: list[list[Cell]] = []
        self._row = self._column = 0
        self._cells: list[Cell] = []
        self._type, self._style = "n", 0

    def read(self) -> Iterator[Sequence[Cell] | None]:
        """The cells of each row that is not blank, its number before them; None now and then where there is no row yet."""
        for ready in self.parse(self._ready):
            yield from ready
            if not ready:
                yield None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _CELL:
            reference = attributes.get("r")
            self._column = self._column + 1 if reference is None else _column_of(reference.rstrip("0123456789"))
            self._type, self._style = attributes.get("t", "n"), int(attributes.get("s", 0))
        elif name in (_VALUE, _TEXT):
            self._collects = (name == _TEXT) == (self._type == "inlineStr")
        elif name == _PHONETIC:
            self._phonetic = True
        elif name == _ROW:
            self._row = int(float(attributes["r"])) if "r" in attributes else self._row + 1
            self._column, self._cells = 0, [self._row]

    def end(self, name: str) -> None:
        if name in (_VALUE, _TEXT):
            self._collects = False
        elif name == _CELL:
            text = self.take()
            if text and self._column <= MAX_COLUMNS and (value := self._value(text)) is not None:
                self._cells += [None] * (self._column + 1 - len(self._cells))
                self._cells[self._column] = value
        elif name == _PHONETIC:
            self._phonetic = False
        elif name == _ROW:
            if not all(map(is_blank, self._cells[1:])):
                self._ready.append(self._cells)
            self._source.mark()

    def _value(self, text: str) -> Cell:
        match self._type:
            case "n":
                number = float(text) if any(mark in text for mark in ".eE") else int(text)
                return self._date(number) if self._style in self._styles.dates else number
            case "s":
                return self._strings(int(text))
            case "str" | "inlineStr":
                return _plain(text)
            case "b":
                return bool(int(text))
            case "d":
                return cast(Cell, from_ISO8601(text))  # type: ignore[no-untyped-call]
        return None  # an error: #N/A, #VALUE!

    def _date(self, number: float) -> Cell:
        try:
            return cast(Cell, from_excel(number, self._epoch, timedelta=self._style in self._styles.lengths))
        except (OverflowError, ValueError):
            return None  # beyond the calendar: shown as an error by spreadsheets too


def _plain(text: str) -> str:
    return unescape(text) if "_x" in text else text


@lru_cache(maxsize=MAX_COLUMNS)
def _column_of(letters: str) -> int:
    found: int = column_index_from_string(letters)
    return found


def _no_doctype(*_: object) -> None:
    raise ValueError("a sheet has no document type")
