"""Opens a file, whatever its format, as columns and rows. Pure but for the file; memory does not grow with it."""

import io
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.imports import delimited, lines, spreadsheets
from services.ingest.imports.cells import Table, UnreadableFile
from services.ingest.imports.delimited import Dialect
from services.ingest.imports.encoding import Encoding, Read, codec_of, examine

Format = Literal["csv", "xlsx", "ndjson"]
_ZIP, _GZIP, _PDF = b"PK\x03\x04", b"\x1f\x8b", b"%PDF"
_MARKUP = ("<!doctype", "<html", "<table", "<?xml", "<meta")


class Options(BaseModel):
    """What a person may say about the file where it is not recognised."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: Encoding | None = None
    delimiter: Annotated[str, Field(pattern=r"^[^\r\n\"'\x00]$")] | None = None
    quote: Literal['"', "'"] | None = None
    sheet: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    header_row: Annotated[int, Field(ge=1, le=100, description="Which row that is not blank holds the names of the columns")] = 1


class Form(BaseModel):
    """What the file turned out to be; reading it needs nothing else. `digest` stands for its content, in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Format
    digest: str
    encoding: Encoding | None = None
    dialect: Dialect | None = None
    sheet: str | None = None
    sheets: list[str] = []
    header_row: int = 1
    columns: list[str] = []
    """Of NDJSON: the names in the first lines."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file: go through `preparing` first, which is a generator so that you can pause; then `table` gives columns and rows, once.
    Both raise UnreadableFile."""

    preparing: Iterator[None]
    table: Callable[[], Table]


def recognise(path: Path, options: Options, digest: str, max_unpacked_bytes: int) -> Generator[None, None, Form]:
    """Find out what a file is; `digest` stands for its bytes. It reads the file from end to end, once or more, and pauses in between.

    Raises UnreadableFile.
    """
    with path.open("rb") as file:
        start = file.read(len(spreadsheets.OLE))
        if start.startswith((_ZIP, spreadsheets.OLE)):
            return _recognised_book(path, options, digest, max_unpacked_bytes)
        if start.startswith(_GZIP):
            raise UnreadableFile("the file is packed with gzip: unpack it, and send the CSV, XLSX or NDJSON file itself")
        if start.startswith(_PDF):
            raise UnreadableFile("this is a PDF: send CSV, XLSX, or one JSON object a line")
        found = yield from examine(file, options.encoding)
    return _recognised_text(path, options, found)


def _recognised_book(path: Path, options: Options, digest: str, max_unpacked_bytes: int) -> Form:
    with spreadsheets.Workbook(path, max_unpacked_bytes) as book:
        sheet = options.sheet or next(iter(book.sheets))
        if sheet not in book.sheets:
            raise UnreadableFile(f"there is no visible sheet {sheet!r}; there are {', '.join(book.sheets)}")
        return Form(format="xlsx", digest=digest, sheet=sheet, sheets=list(book.sheets), header_row=options.header_row)


def _recognised_text(path: Path, options: Options, found: Read) -> Form:
    with _text_of(path, found.encoding) as text:
        start = text.read(4096).lstrip()
        if not start:
            raise UnreadableFile("the file is empty")
        text.seek(0)
        if start.startswith("["):
            raise UnreadableFile("the file is a JSON array: write one object a line, without commas between (NDJSON)")
        if start.casefold().startswith(_MARKUP):
            raise UnreadableFile("this is a web page or XML, whatever its name says: open it in a spreadsheet program and save it as .xlsx")
        digest = found.digest.hex()
        if start.startswith("{"):
            return Form(format="ndjson", digest=digest, encoding=found.encoding, columns=lines.columns_of(text))
        dialect = delimited.detect(text)
    told = {name: value for name in ("delimiter", "quote") if (value := getattr(options, name)) is not None}
    dialect = Dialect.model_validate({**dialect.model_dump(), **told})
    return Form(format="csv", digest=digest, encoding=found.encoding, dialect=dialect, header_row=options.header_row)


@contextmanager
def opened(path: Path, form: Form, max_unpacked_bytes: int) -> Iterator[Opened]:
    """Open a recognised file. Raises UnreadableFile."""
    if form.format == "xlsx":
        with spreadsheets.Workbook(path, max_unpacked_bytes) as book:
            yield Opened(book.prepare(), lambda: _book_table(book, form))
    else:
        assert form.encoding is not None
        with _text_of(path, form.encoding) as text:
            yield Opened(iter(()), lambda: _text_table(text, form, path.stat().st_size))


def _book_table(book: spreadsheets.Workbook, form: Form) -> Table:
    assert form.sheet is not None
    columns, rows, source = spreadsheets.read(book, form.sheet, form.header_row)
    return Table(columns, rows, source.share)


def _text_table(text: io.TextIOWrapper, form: Form, size: int) -> Table:
    def share() -> float:
        return cast(io.BufferedReader, text.buffer).tell() / size

    if form.format == "ndjson":
        return Table(form.columns, lines.read(text, form.columns), share)
    assert form.dialect is not None
    columns, rows = delimited.read(text, form.dialect, form.header_row)
    return Table(columns, rows, share)


@contextmanager
def _text_of(path: Path, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
    with path.open("rb") as file:
        codec = codec_of(encoding, file)
        file.seek(0)
        with io.TextIOWrapper(file, encoding=codec, errors="strict", newline="") as text:
            yield text
