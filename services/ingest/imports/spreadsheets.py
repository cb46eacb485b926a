"""XLSX, in memory that does not grow with the file: openpyxl says what is in the archive, the table of texts goes to disk.

As it ships, openpyxl holds every shared text and an empty element a row, which is hundreds of megabytes for a million rows.
"""

import io
import os
import tempfile
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, STYLES_TYPE

from services.ingest.imports import sheet_xml
from services.ingest.imports.cells import Cell, Row, UnreadableFile, column_names

MAX_PART_BYTES = 8 * 1024 * 1024
"""Of a part that is read as a whole, in one go: the list of sheets, what the archive holds."""
MAX_ROW_BYTES = 8 * 1024 * 1024
"""Of what one row or one text may take."""
_HEADER_WITHIN = 10_000
_PAGE = 128
"""Texts mostly come in the order of the table: where so many of them lie is read at once."""
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ParseError, ExpatError, KeyError, ValueError, TypeError, AttributeError, IndexError,
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
                raise UnreadableFile("no visible sheet is found in the file: save it anew as .xlsx (not strict)")
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
        for sheet, relation in self._reader.parser.find_sheets():
            if sheet.state == "visible" and "chartsheet" not in relation.Type:
                self.sheets[sheet.name] = relation.target

    def prepare(self) -> Iterator[None]:
        """Learn which styles are dates, and take over the table of texts. A generator, so that whoever runs it can pause.

        Raises UnreadableFile.
        """
        with _readable(), self._part(STYLES_TYPE) as styles, self._part(SHARED_STRINGS) as strings:
            self._styles = sheet_xml.Styles(_Source(styles))
            for _ in self._styles.read():
                yield
            for texts in sheet_xml.Strings(_Source(strings)).read():
                self._strings.extend(texts)
                yield

    def _part(self, kind: str) -> IO[bytes]:
        """The part of this kind; an archive that has none says nothing there."""
        part = self._reader.package.find(kind)  # type: ignore[no-untyped-call]
        return io.BytesIO(b"<none/>") if part is None else self._reader.archive.open(part.PartName[1:])

    def rows(self, sheet: str) -> tuple[Iterator[Sequence[Cell] | None], "_Source"]:
        """The cells of each row that is not blank, the row's number before them, None for a pause; and where the reading stands."""
        name = self.sheets[sheet]
        with _readable():
            source = _Source(self._reader.archive.open(name), self._reader.archive.getinfo(name).file_size)
        return _rows(sheet_xml.Rows(source, self._strings.__getitem__, self._styles, self._reader.wb.epoch)), source


def read(book: Workbook, sheet: str, header_row: int) -> tuple[list[str], Iterator[Row | None], "_Source"]:
    """The columns, the rows below, and where the reading stands. Raises UnreadableFile, also while rows are read."""
    rows, source = book.rows(sheet)
    header = next(islice(filter(None, islice(rows, _HEADER_WITHIN)), header_row - 1, None), None)
    if header is None:
        others = [name for name in book.sheets if name != sheet]
        more = f"; there are other sheets: {', '.join(others)}" if others else ""
        raise UnreadableFile(f"the sheet {sheet} is empty: it should hold a row with the names of the columns, and rows below{more}")
    columns = column_names(header[1:])
    return columns, (None if cells is None else _row(cells, len(columns)) for cells in rows), source


def _row(cells: Sequence[Cell], width: int) -> Row:
    """What stands beyond the columns has no name, and is left out."""
    return Row(cast(int, cells[0]), [*cells[1 : width + 1], *[None] * (width + 1 - len(cells))])


def _rows(sheet: sheet_xml.Rows) -> Iterator[Sequence[Cell] | None]:
    with _readable():
        yield from sheet.read()


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
        self._ends.write(array("Q", [0]))
        self._flushed = False
        self._page, self._places = -1, array("Q")

    def __enter__(self) -> "_Strings":
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()
        self._ends.close()

    def extend(self, texts: Sequence[str]) -> None:
        encoded = [text.encode(errors="surrogatepass") for text in texts]
        ends = list(accumulate(map(len, encoded), initial=self._end))[1:]
        self._texts.write(b"".join(encoded))
        self._ends.write(array("Q", ends))
        self._end = ends[-1] if ends else self._end
        self._flushed = False

    def __getitem__(self, index: int) -> str:
        if not self._flushed:
            self._texts.flush()
            self._ends.flush()
            self._flushed = True
        if index < 0:
            raise IndexError
        page, place = divmod(index, _PAGE)
        if page != self._page:
            self._page, self._places = page, array("Q", os.pread(self._ends.fileno(), 8 * (_PAGE + 1), 8 * _PAGE * page))
        begin, end = self._places[place], self._places[place + 1]
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
            and "styles" not in part.filename
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
