"""Lengths of time as people write them in rules and routes: `90s`, `5m`, `1h30m`, `7d`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

LONGEST = timedelta(days=366)
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1),
          "ms": timedelta(milliseconds=1)}  # fmt: skip
_WRITTEN = re.compile(r"(?:\d+(?:w|d|h|ms|m|s))+")
_PART = re.compile(r"(\d+)(w|d|h|ms|m|s)")


def duration(value: object) -> object:
    """Read a written length; a number is seconds. Raises PydanticCustomError."""
    if isinstance(value, timedelta):
        read = value
    elif isinstance(value, bool):
        raise _refused()
    elif isinstance(value, int | float) and 0 <= value <= LONGEST.total_seconds():
        read = timedelta(seconds=value)
    elif isinstance(value, str) and len(value) <= 32 and _WRITTEN.fullmatch(value):
        seconds = sum(int(count) * _UNITS[unit].total_seconds() for count, unit in _PART.findall(value))
        if seconds > LONGEST.total_seconds():
            raise _refused()
        read = timedelta(seconds=seconds)
    else:
        raise _refused()
    if not timedelta(0) <= read <= LONGEST:
        raise _refused()
    return read


def written(length: timedelta) -> str:
    """The same length as text, the largest units first."""
    rest = round(length / timedelta(milliseconds=1))
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS[unit] / timedelta(milliseconds=1)))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _refused() -> PydanticCustomError:
    return PydanticCustomError("duration", "must be a length of time up to 366 days, for example 30s, 5m or 1h30m")


Duration = Annotated[timedelta, BeforeValidator(duration), PlainSerializer(written, return_type=str)]
