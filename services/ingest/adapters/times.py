"""Instants as vendors write them. All functions return aware UTC and None for what is no instant between the years 1900 and 2199."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from shared.contracts.fields import EARLIEST_INSTANT, LATEST_INSTANT

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REVISIONS_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def epoch(value: float | str, per_second: int = 1) -> datetime | None:
    """Seconds since 1970 (`per_second` 1), milliseconds (1,000) or microseconds (1,000,000), as a number or as its text."""
    try:
        seconds, rest = divmod(int(value) if isinstance(value, str) and value.strip().lstrip("-").isdecimal() else float(value), per_second)
        return _held(_EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 / per_second))
    except (ValueError, OverflowError):
        return None


def iso(text: str, zone: ZoneInfo) -> datetime | None:
    """ISO 8601, with T or a space. Without an offset it is a wall clock's time in `zone`."""
    try:
        read = datetime.fromisoformat(text.strip())
        return _held(read if read.tzinfo is not None else wall(read, zone))
    except (ValueError, OverflowError):
        return None


def rfc2822(text: str, zone: ZoneInfo) -> datetime | None:
    """As mail writes it, "Thu, 19 Mar 2026 09:34:44 +0000"; without an offset in `zone`. -0000 is UTC at a place that is not told."""
    try:
        read = parsedate_to_datetime(text.replace("-0000", "+0000"))
        return _held(read if read.tzinfo is not None else wall(read, zone))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def unix_date(text: str) -> datetime | None:
    """As Weibo and the old X interface write it: "Tue May 31 17:46:55 +0800 2011", in English whatever the locale."""
    parts = text.split()
    if len(parts) != 6 or parts[1] not in _MONTHS:
        return None
    _, month, day, clock, offset, year = parts
    try:
        return _held(datetime.strptime(f"{year} {_MONTHS.index(month) + 1} {day} {clock} {offset}", "%Y %m %d %H:%M:%S %z"))
    except (ValueError, OverflowError):
        return None


def wall(naive: datetime, zone: ZoneInfo) -> datetime:
    """A wall clock's time as an instant: one that a clock change leaves out moves forward, one that comes twice is the first."""
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


def revision(at: datetime) -> int:
    """A revision that grows with an instant: the seconds since 2000, which is enough until 2068. The first version may lie anywhere."""
    return max(1, int((at - _REVISIONS_BEGIN).total_seconds()))


def between(begin: datetime | None, end: datetime | None) -> float | None:
    """The seconds from one instant to another as the contracts take a duration: none where one is unknown, never negative nor ages."""
    return None if begin is None or end is None else min(1e9, max(0.0, (end - begin).total_seconds()))


def _held(at: datetime) -> datetime | None:
    return at.astimezone(UTC) if EARLIEST_INSTANT <= at < LATEST_INSTANT else None
