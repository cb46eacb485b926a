"""Cells as what the contracts want: numbers with decimal commas, days and instants in a zone, yes and no in several languages. Pure.

Every function raises ValueError with a text that says what was expected; it never holds the cell itself.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.ingest.adapters import times
from services.ingest.imports.cells import Cell, text_of

Decimal = Literal[".", ","]

ISO, EPOCH, EPOCH_MS, EXCEL = "iso", "epoch", "epoch_ms", "excel"
_EXCEL_BEGINS = datetime(1899, 12, 30)  # noqa: DTZ001 - on a wall clock
FORMATS = (
    ISO,
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d.%m.%y",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y",
    "%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M %p", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
    "%d %b %Y %H:%M", "%d %b %Y", "%b %d, %Y %I:%M %p", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
    EPOCH, EPOCH_MS, EXCEL,
)  # fmt: skip
"""The forms that are recognised, the likeliest first; a mapping may name any other, as Python's strptime writes them."""

_GROUPED = {
    ".": re.compile(r"[+-]?\d{1,3}(?:[,'’\s]\d{3})+(?:\.\d+)?"),
    ",": re.compile(r"[+-]?\d{1,3}(?:[.'’\s]\d{3})+(?:,\d+)?"),
}
_PLAIN = {".": re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"), ",": re.compile(r"[+-]?(?:\d+,?\d*|,\d+)")}
_BETWEEN_GROUPS = {".": re.compile(r"[,'’\s]"), ",": re.compile(r"[.'’\s]")}
_LOOKED_AT = 20
_EXAMPLE = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)
_YES = frozenset({"yes", "y", "true", "1", "x", "ja", "j", "oui", "sí", "si", "是", "真", "有"})
_NO = frozenset({"no", "n", "false", "0", "nein", "non", "否", "假", "无"})


def number(cell: Cell, decimal: Decimal) -> float:
    """A finite number; whole ones are int, so that ids and counts keep their digits."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        text = text_of(cell)
        if _GROUPED[decimal].fullmatch(text):
            text = _BETWEEN_GROUPS[decimal].sub("", text)
        elif not _PLAIN[decimal].fullmatch(text):
            raise ValueError(f"should be a number written with {'a point' if decimal == '.' else 'a comma'} before its decimals")
        text = text.replace(",", ".")
        try:
            return int(text)
        except ValueError:
            cell = float(text)
    if not math.isfinite(cell):
        raise ValueError("should be a finite number")
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


def whole(cell: Cell, decimal: Decimal) -> int:
    """A whole number."""
    found = number(cell, decimal)
    if not isinstance(found, int):
        raise ValueError("should be a whole number")
    return found


def boolean(cell: Cell) -> bool:
    """Yes or no."""
    word = text_of(cell).casefold()
    if word not in _YES | _NO:
        raise ValueError("should be yes or no, true or false, 1 or 0")
    return word in _YES


def instant(cell: Cell, form: str, zone: ZoneInfo) -> datetime:
    """An instant in UTC. A date alone is the beginning of that day in `zone`, and a time without offset lies there."""
    if isinstance(cell, date):  # a datetime is one too
        read: datetime | None = times.iso(cell.isoformat(), zone)
    elif form in (EPOCH, EPOCH_MS):
        read = times.epoch(text_of(cell), 1000 if form == EPOCH_MS else 1)
    elif form == EXCEL:
        read = _serial(text_of(cell), zone)
    elif form == ISO:
        read = times.iso(text_of(cell), zone)
    else:
        read = _written(text_of(cell), form, zone)
    if read is None:
        raise ValueError(f"should be a time written as {_shown(form)}")
    return read.astimezone(UTC)


def day(cell: Cell, form: str) -> date | None:
    """The date of a cell that holds one without a time of day, else None."""
    if isinstance(cell, datetime):
        return cell.date() if cell.time() == time() and cell.tzinfo is None else None
    if isinstance(cell, date):
        return cell
    try:
        if form == ISO:
            return date.fromisoformat(text_of(cell))
        if form == EXCEL:
            return (_EXCEL_BEGINS + timedelta(days=int(text_of(cell)))).date()
        with_clock = form in (EPOCH, EPOCH_MS) or re.search("%[HIMSpfzZcX]", form)
        return None if with_clock else datetime.strptime(text_of(cell), form).date()  # noqa: DTZ007 - a day has no zone
    except (ValueError, OverflowError):
        return None


def forms_of(cells: Sequence[Cell]) -> list[str]:
    """The recognised forms that most cells can be read by, at least half of them, as an instant between 1970 and 2100."""
    texts = [cell for cell in cells if not isinstance(cell, date)]  # a datetime is one too
    if not texts:
        return [ISO] if cells else []
    few = texts[:_LOOKED_AT]
    likely = [form for form in FORMATS if 2 * sum(_fits(cell, form) for cell in few) >= len(few)]
    read = {form: sum(_fits(cell, form) for cell in texts) for form in likely}
    most = max(read.values(), default=0)
    return [form for form, count in read.items() if count == most and 2 * count >= len(texts)]


def usable_form(form: str) -> str:
    """The form of a mapping, when times can be read by it. Raises ValueError."""
    if form in (ISO, EPOCH, EPOCH_MS, EXCEL):
        return form
    try:
        datetime.strptime(_EXAMPLE.strftime(form), form)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error):
        raise ValueError(
            "is no form of a time: write iso, epoch, epoch_ms, excel, or as Python's strptime, for example %d.%m.%Y %H:%M"
        ) from None
    return form


def _fits(cell: Cell, form: str) -> bool:
    try:
        return 1970 < instant(cell, form, ZoneInfo("UTC")).year < 2100
    except ValueError:
        return False


def _written(text: str, form: str, zone: ZoneInfo) -> datetime | None:
    try:
        read = datetime.strptime(text, form)  # noqa: DTZ007 - the next line gives it one
        return read.astimezone(UTC) if read.tzinfo is not None else times.wall(read, zone)
    except (ValueError, OverflowError):
        return None


def _serial(text: str, zone: ZoneInfo) -> datetime | None:
    """The days since 1899-12-30 that a spreadsheet keeps a time as, with its decimals after a point or a comma, to the second."""
    try:
        return times.wall(_EXCEL_BEGINS + timedelta(seconds=round(float(text.replace(",", ".")) * 86_400)), zone)
    except (ValueError, OverflowError):
        return None


def _shown(form: str) -> str:
    """A form with an example, for a person."""
    match form:
        case "iso":
            return "2026-12-31 17:30 or 2026-12-31T17:30:00Z"
        case "epoch" | "epoch_ms":
            return f"{'milliseconds' if form == EPOCH_MS else 'seconds'} since 1970"
        case "excel":
            return "the number of days that a spreadsheet keeps, for example 46387.729"
    return f"{form}, for example {_EXAMPLE.strftime(form)}"
