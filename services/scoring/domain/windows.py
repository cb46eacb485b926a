"""Which minutes a window holds, and which stored rows cover them.

Time is counted here in whole minutes since 1970-01-01T00:00Z. Buckets exist in three levels, named by their length in minutes.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from shared.errors import HearbackError

LEVELS = (1440, 15, 1)
"""Lengths of the stored buckets, coarse to fine: the UTC day, the quarter of an hour, the minute."""

WindowName = Literal["5m", "15m", "1h", "24h"]

WINDOWS: dict[WindowName, int] = {"5m": 5, "15m": 15, "1h": 60, "24h": 1440}
"""The windows that have a name, and their length in minutes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class IntervalRefused(HearbackError):
    """An interval that no set of whole minutes answers. The text says what to change; `field` is `from` or `to`."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class Minutes(NamedTuple):
    """A half-open interval [start, end) of minutes since the epoch."""

    start: int
    end: int


class Span(NamedTuple):
    """All buckets of one level whose start lies in [start, end)."""

    level: int
    start: int
    end: int


def minute_of(instant: datetime) -> int:
    """The minute that an aware instant lies in."""
    return (instant - _EPOCH) // _MINUTE


def instant_of(minute: int) -> datetime:
    """The first instant of a minute, in UTC."""
    return _EPOCH + timedelta(minutes=minute)


def window_at(window: WindowName, as_of: datetime) -> Minutes:
    """The minutes of a named window: W at t is [floor_min(t) − W + 1 min, t], so the running minute is its last."""
    end = minute_of(as_of) + 1
    return Minutes(end - WINDOWS[window], end)


def interval_between(start: datetime, end: datetime) -> Minutes:
    """The minutes of [start, end), both aware and on whole minutes; raises IntervalRefused."""
    for field, instant in (("from", start), ("to", end)):
        if instant.timestamp() % 60:
            raise IntervalRefused(field, "must lie on a whole minute: numbers are kept by the minute")
    if start >= end:
        raise IntervalRefused("to", "must lie after `from`: the interval is [from, to)")
    return Minutes(minute_of(start), minute_of(end))


def buckets_of(minute: int) -> list[tuple[int, int]]:
    """The (level, start) of every bucket that counts what happened in this minute."""
    return [(level, minute - minute % level) for level in LEVELS]


def cover(minutes: Minutes, levels: tuple[int, ...] = LEVELS) -> list[Span]:
    """The fewest spans of buckets that together hold each of these minutes exactly once, in order of time."""
    start, end = minutes
    if start >= end:
        return []
    level, *finer = levels
    first, last = -(-start // level) * level, end // level * level
    if first >= last:
        return cover(minutes, tuple(finer))
    before, after = Minutes(start, first), Minutes(last, end)
    return [*cover(before, tuple(finer)), Span(level, first, last), *cover(after, tuple(finer))]
