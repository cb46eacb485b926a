"""Files as people send them, and what reading them gives."""

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl

from services.ingest.imports.cells import Row
from services.ingest.imports.reading import Form, Options, opened, recognise

UNPACKED = 1024**3
Found = TypeVar("Found")


class Content(NamedTuple):
    """What a file turned out to be."""

    form: Form
    columns: list[str]
    rows: list[Row]

    @property
    def cells(self) -> list[list[Any]]:
        return [list(row.cells) for row in self.rows]


def to_the_end(steps: Generator[None, None, Found]) -> Found:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            found: Found = done.value
            return found


def content_of(path: Path, max_unpacked_bytes: int = UNPACKED, **options: Any) -> Content:
    """Recognise a file and read it to its end."""
    form = to_the_end(recognise(path, Options(**options), "of-the-bytes", max_unpacked_bytes))
    with opened(path, form, max_unpacked_bytes) as file:
        for _ in file.preparing:
            pass
        table = file.table()
        return Content(form, list(table.columns), list(filter(None, table.rows)))


def content(folder: Path, data: bytes | str, **options: Any) -> Content:
    """The same of these bytes, or of this text as UTF-8."""
    path = folder / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return content_of(path, **options)


def csv_text(rows: Iterable[Sequence[str]], **dialect: Any) -> str:
    """Rows as Python writes them."""
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue()


def workbook(path: Path, rows: Iterable[Sequence[Any]], sheet: str = "Answers") -> Path:
    """An XLSX file as openpyxl writes it, with a hidden sheet in front."""
    book = openpyxl.Workbook(write_only=True)
    hidden = book.create_sheet("Internal")
    hidden.append(["not", "for", "you"])
    hidden.sheet_state = "hidden"
    visible = book.create_sheet(sheet)
    for row in rows:
        visible.append(list(row))
    book.save(path)
    return path


def rewritten(path: Path, **parts: bytes) -> Path:
    """The same archive with parts replaced, by the end of their names, `_` for the dot."""
    with ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    changed = path.with_name("rewritten.xlsx")
    with ZipFile(changed, "w", ZIP_DEFLATED) as archive:
        for name, data in content.items():
            replaced = next((new for end, new in parts.items() if name.rpartition("/")[2].replace(".", "_") == end), data)
            archive.writestr(name, replaced)
    return changed
