"""XLSX, in memory that does not grow with the file: openpyxl reads the cells, the table of texts goes to disk, what was read is dropped.

As it ships, openpyxl holds every shared text and an empty element a row, which is hundreds of megabytes for a million rows.
"""

import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from xml.etree.ElementTree import Element, ParseError, iterparse

from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import DATA_TAG, ROW_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from services.ingest.imports.cells import MAX_COLUMNS, Cell, Row, UnreadableFile, column_names, is_blank

MAX_PART_BYTES = 8 * 1024 * 1024
"""Of a part that is read as a whole, in one go: styles, the list of sheets."""
MAX_ROW_BYTES = 32 * 1024 * 1024
"""Of what one row or one text may take."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRING = f"{{{SHEET_MAIN_NS}}}si"
_TEXT = f"{{{SHEET_MAIN_NS}}}t"
_RUN_TEXT = f"{{{SHEET_MAIN_NS}}}r/{_TEXT}"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError,
           NotImplementedError, RuntimeError)  # fmt: skip
"""What zipfile, expat and openpyxl raise over a broken file."""


class Workbook:
    """An open file. Use it as a context; `prepare` goes first."""

    def __init__(self, path: Path, max_unpacked_bytes: int) -> None:
        self._path = path
        self._max_unpacked_bytes = max_unpacked_bytes
        self.sheets: dict[str, str] = {}
        """The visible sheets and their places in the archive."""

    def __enter__(self) -> "Workbook":
        with ExitStack() as stack:
            file = stack.enter_context(self._path.open("rb"))
            if file.read(len(OLE)) == OLE:
                raise UnreadableFile("the file is protected by a password, or of the old kind .xls: save it as .xlsx without a password")
            with _readable(), _quietly():
                self._reader = ExcelReader(cast(Any, file), read_only=True, data_only=True, keep_links=False)
                stack.enter_context(self._reader.archive)
                self._open()
            if not self.sheets:
                raise UnreadableFile("the file has no sheet with cells")
            self._strings = stack.enter_context(_Strings())
            self._open_files = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def _open(self) -> None:
        _check_parts(self._reader.archive, self._max_unpacked_bytes)
        self._reader.read_manifest()
        try:
            self._reader.read_workbook()
        except OSError:  # openpyxl's, where the list of sheets is missing
            raise KeyError from None
        apply_stylesheet(self._reader.archive, self._reader.wb)
        for sheet, relation in self._reader.parser.find_sheets():
            if sheet.state == "visible" and "chartsheet" not in relation.Type:
                self.sheets[sheet.name] = relation.target

    def prepare(self) -> Iterator[None]:
        """Take over the table of texts. A generator, so that whoever runs it can pause. Raises UnreadableFile."""
        part = self._reader.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None or part.PartName is None:
            return
        with _readable(), self._reader.archive.open(part.PartName[1:]) as packed:
            source = _Source(packed)
            root: Element | None = None
            for event, element in iterparse(cast(Any, source), ("start", "end")):  # noqa: S314 - expat bounds what entities expand to
                if root is None:
                    root = element
                elif event == "end" and element.tag == _STRING:
                    parts = element.findall(_TEXT) or element.findall(_RUN_TEXT)
                    self._strings.append("".join(part.text or "" for part in parts))
                    root.clear()
                    source.mark()
                    yield

    def rows(self, sheet: str) -> tuple[Iterator[Sequence[Cell]], "_Source"]:
        """The cells of each row that is not blank, the row's number before them, and where the reading stands."""
        name = self.sheets[sheet]
        with _readable():
            source = _Source(self._reader.archive.open(name), self._reader.archive.getinfo(name).file_size)
        return _rows(_Parser(source, self._strings, self._reader.wb)), source


def read(book: Workbook, sheet: str, header_row: int) -> tuple[list[str], Iterator[Row], "_Source"]:
    """The columns, the rows below, and where the reading stands. Raises UnreadableFile, also while rows are read."""
    rows, source = book.rows(sheet)
    header: Sequence[Cell] = ()
    for _ in range(header_row):
        header = next(rows, ())
    if not header:
        raise UnreadableFile(f"the sheet {sheet} is empty: it should hold a row with the names of the columns, and rows below")
    columns = column_names(header[1:])
    return columns, (Row(cast(int, cells[0]), (list(cells[1:]) + [None] * len(columns))[: len(columns)]) for cells in rows), source


def _rows(parser: "_Parser") -> Iterator[Sequence[Cell]]:
    with _readable():
        for number, found in parser.parse():
            cells: list[Cell] = [number]
            for cell in found:
                if cell["column"] <= MAX_COLUMNS and cell["value"] is not None and cell["data_type"] != "e":
                    cells += [None] * (cell["column"] + 1 - len(cells))
                    cells[cell["column"]] = cell["value"]
            if not all(map(is_blank, cells[1:])):
                yield cells


class _Parser(WorkSheetParser):
    """openpyxl's parser of cells, that lets go of each row and of what it kept about it."""

    def __init__(self, source: "_Source", strings: "_Strings", book: Any) -> None:
        super().__init__(cast(Any, source), cast(Any, strings), data_only=True, epoch=book.epoch, date_formats=book._date_formats,
                         timedelta_formats=book._timedelta_formats)  # fmt: skip
        self._source = source

    def parse(self) -> Generator[Any, None, None]:
        data: Element | None = None
        for event, element in iterparse(cast(Any, self._source), ("start", "end")):  # noqa: S314 - expat bounds what entities expand to
            if event == "start" and element.tag == DATA_TAG:
                data = element
            elif event == "end" and element.tag == ROW_TAG and data is not None:
                with _quietly():
                    row = self.parse_row(cast(Any, element))
                yield row
                data.clear()
                self.row_dimensions.clear()
                self._source.mark()


class _Source:
    """A part of the archive that refuses to hold more than so much between two marks: a row of gigabytes is none."""

    def __init__(self, packed: IO[bytes], size: int = 0) -> None:
        self._packed = packed
        self._size = size
        self._since = 0
        self._read = 0

    def read(self, count: int = -1) -> bytes:
        block = self._packed.read(count)
        self._since += len(block)
        self._read += len(block)
        if self._since > MAX_ROW_BYTES:
            raise UnreadableFile(f"a row or a text of the file takes more than {MAX_ROW_BYTES:,} bytes")
        return block

    def mark(self) -> None:
        self._since = 0

    def share(self) -> float:
        """How much of it has been read, from 0 to 1."""
        return self._read / self._size if self._size else 0.0


class _Strings:
    """The table of texts in a file, and where each begins in another."""

    def __init__(self) -> None:
        self._texts: BinaryIO = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - closed with the workbook
        self._ends: BinaryIO = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115
        self._end = 0
        self._ends.write((0).to_bytes(8, "little"))
        self._flushed = False

    def __enter__(self) -> "_Strings":
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()
        self._ends.close()

    def append(self, text: str) -> None:
        encoded = (unescape(text) if "_x" in text else text).encode(errors="surrogatepass")
        self._end += self._texts.write(encoded)
        self._ends.write(self._end.to_bytes(8, "little"))
        self._flushed = False

    def __getitem__(self, index: int) -> str:
        if not self._flushed:
            self._texts.flush()
            self._ends.flush()
            self._flushed = True
        place = os.pread(self._ends.fileno(), 16, index * 8) if index >= 0 else b""
        if len(place) < 16:
            raise IndexError
        begin, end = int.from_bytes(place[:8], "little"), int.from_bytes(place[8:], "little")
        return os.pread(self._texts.fileno(), end - begin, begin).decode(errors="surrogatepass")


def _check_parts(archive: zipfile.ZipFile, max_unpacked_bytes: int) -> None:
    parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise UnreadableFile("the file is protected by a password: save it without one")
    if "[Content_Types].xml" not in archive.namelist():
        raise UnreadableFile("this is an archive, and no .xlsx file: send the CSV, XLSX or NDJSON file itself")
    if (unpacked := sum(part.file_size for part in parts)) > max_unpacked_bytes:
        raise UnreadableFile(
            f"the file would unpack to {unpacked:,} bytes; at most {max_unpacked_bytes:,} are read: send it in parts, or as CSV"
        )
    for part in parts:
        whole = (
            not part.filename.startswith("xl/worksheets/")
            and "sharedStrings" not in part.filename
            and part.filename.endswith(("xml", "rels"))
        )
        if whole and part.file_size > MAX_PART_BYTES:
            raise UnreadableFile(
                f"a part of the file has {part.file_size:,} bytes and should have less than {MAX_PART_BYTES:,}: save it anew"
            )


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except _BROKEN:
        raise UnreadableFile("the .xlsx file is broken: open it in a spreadsheet program and save it anew") from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Without openpyxl's warnings about what it leaves out and nobody needs here. Nothing may wait inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
