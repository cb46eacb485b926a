"""When time counts: opening hours on the wall of a zone, and exact arithmetic with the time that lies inside them.

Windows are half-open [open, close) and wall time; durations are real time. A wall time that a clock change skips moves forward by the
length of the gap, one that comes twice is the first. The days of a zone are cut at local midnight by the same rule, and a window never
reaches out of its day; so a date that the zone skips altogether (Pacific/Apia, 2011-12-30) is empty.

datetime and timedelta count whole microseconds, so nothing here is rounded.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.closed_loop.domain.hours import WEEKDAYS, WHOLE_DAY, Weekday, Window, check_windows, read_windows
from services.closed_loop.domain.refusals import UnknownZone, Unreachable
from shared.contracts.fields import LATEST_INSTANT

NO_TIME: Final = timedelta(0)
ONE_DAY: Final = timedelta(days=1)


class Interval(NamedTuple):
    """Instants in UTC, [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Calendar:
    """Opening hours by weekday (Monday first), with local dates that are closed or have hours of their own.

    A special day beats a holiday, and one without windows is closed. Raises ClockRefused for what can never be right. The instants that
    a month opens at are computed once and kept.
    """

    zone: str
    week: tuple[tuple[Window, ...], ...]
    holidays: frozenset[date] = frozenset()
    special_days: Mapping[date, tuple[Window, ...]] = field(default_factory=dict, hash=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _months: "dict[tuple[int, int], _Month]" = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", _zone_info(self.zone))
        for name, windows in zip(WEEKDAYS, self.week, strict=True):
            check_windows(windows, ("windows", name))
        for day, windows in self.special_days.items():
            check_windows(windows, ("special_days", day.isoformat()))
        if not any((*self.week, *self.special_days.values())):
            raise Unreachable

    @classmethod
    def from_texts(
        cls,
        zone: str,
        windows: Mapping[Weekday, Sequence[tuple[str, str]]],
        holidays: Sequence[date] = (),
        special_days: Mapping[date, Sequence[tuple[str, str]]] = MappingProxyType({}),
    ) -> Self:
        """A calendar as people write it: windows are pairs of HH:MM, a weekday left out is closed. Raises ClockRefused."""
        week = tuple(read_windows(windows.get(name, ()), ("windows", name)) for name in WEEKDAYS)
        special = {day: read_windows(pairs, ("special_days", day.isoformat())) for day, pairs in special_days.items()}
        return cls(zone, week, frozenset(holidays), MappingProxyType(special))

    @cached_property
    def always_open(self) -> bool:
        """Whether every instant counts."""
        return not self.holidays and not self.special_days and all(windows == (WHOLE_DAY,) for windows in self.week)

    def local_date(self, instant: datetime) -> date:
        """The date on the wall of the calendar's zone."""
        return instant.astimezone(self._zone).date()

    def start_of(self, day: date) -> datetime:
        """The instant a local date begins: 00:00, or what it has moved to."""
        return self._instant(day, 0)

    def is_holiday(self, day: date) -> bool:
        """Whether a local date is closed because it is a holiday."""
        return day in self.holidays and day not in self.special_days

    def open_windows(self, day: date) -> tuple[Interval, ...]:
        """When a local date is open, in order. Windows that a clock change makes overlap are one, those it empties are gone."""
        windows = self._windows(day)
        if not windows:
            return ()
        begin, end = self.start_of(day), self.start_of(day + ONE_DAY)
        found: list[Interval] = []
        for window in sorted(Interval(self._instant(day, window.opens), self._instant(day, window.closes)) for window in windows):
            opens, closes = max(window.start, begin), min(window.end, end)
            if opens >= closes:
                continue
            if found and opens <= found[-1].end:
                found[-1] = Interval(found[-1].start, max(closes, found[-1].end))
            else:
                found.append(Interval(opens, closes))
        return tuple(found)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The open time in [start, end); none when `end` is not after `start`."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        if end <= start:
            return NO_TIME
        if self.always_open:
            return end - start
        total = NO_TIME
        for month in self._months_from(start):
            total += month.open_before(end) - month.open_before(start)
            if month.end >= end:
                break
        return total

    def add(self, start: datetime, duration: timedelta) -> datetime:
        """The first instant, in UTC, by which `duration` of open time has passed since `start`: an exact fit is the closing instant.

        Raises Unreachable when that is not before LATEST_INSTANT.
        """
        instant = start.astimezone(UTC)
        if duration <= NO_TIME:
            return instant
        if self.always_open and duration < LATEST_INSTANT - instant:
            return instant + duration
        left = duration
        for month in () if self.always_open else self._months_from(instant):
            before = month.open_before(instant)
            if month.total - before >= left:
                return month.reaches(before + left)
            left -= month.total - before
        raise Unreachable(start)

    def business_days_after(self, start: datetime, days: int) -> datetime:
        """The last close of the `days`th business day (a local date with open time) after the local date of `start`. Raises Unreachable."""
        first, left = self.local_date(start), days
        for month in self._months_from(start.astimezone(UTC)):
            closes = [close for day, close in month.business_days if day > first]
            if len(closes) >= left:
                return closes[left - 1]
            left -= len(closes)
        raise Unreachable(start)

    def calendar_days_after(self, start: datetime, days: int) -> datetime:
        """The end of the `days`th local date after the local date of `start`. Raises Unreachable."""
        first = self.local_date(start)
        if days >= (LATEST_INSTANT.date() - first).days:
            raise Unreachable(start)
        return self.start_of(first + timedelta(days=days + 1))

    def _windows(self, day: date) -> tuple[Window, ...]:
        special = self.special_days.get(day)
        if special is not None:
            return special
        return () if day in self.holidays else self.week[day.weekday()]

    def _instant(self, day: date, minute: int) -> datetime:
        """Wall time as an instant. With fold=0 zoneinfo takes the offset before a change: a gap moves forward, of two it is the first."""
        wall = datetime.combine(day, time(), self._zone) + timedelta(minutes=minute)
        return wall.astimezone(UTC)

    def _months_from(self, instant: datetime) -> "Iterator[_Month]":
        """Months from the one that holds `instant` on, to the last one that the contracts know.

        Begins a day earlier: where a gap spans midnight, the rest of the old day has the new date on the wall.
        """
        day = self.local_date(instant) - ONE_DAY
        year, month = day.year, day.month
        while year < LATEST_INSTANT.year:
            known = self._months.get((year, month))
            if known is None:
                known = self._months[year, month] = _Month.of(self, year, month)
            yield known
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)


@dataclass(frozen=True, slots=True)
class _Month:
    """The open intervals of a month of local dates. `passed[i]` is the open time before the i-th, its last item that of the month."""

    end: datetime
    opens: list[datetime]
    closes: list[datetime]
    passed: list[timedelta]
    business_days: list[tuple[date, datetime]]

    @classmethod
    def of(cls, calendar: Calendar, year: int, month: int) -> Self:
        day = date(year, month, 1)
        result = cls(calendar.start_of(date(year + month // 12, month % 12 + 1, 1)), [], [], [NO_TIME], [])
        while day.month == month:
            windows = calendar.open_windows(day)
            for opens, closes in windows:
                result.opens.append(opens)
                result.closes.append(closes)
                result.passed.append(result.passed[-1] + (closes - opens))
            if windows:
                result.business_days.append((day, windows[-1].end))
            day += ONE_DAY
        return result

    @property
    def total(self) -> timedelta:
        return self.passed[-1]

    def open_before(self, instant: datetime) -> timedelta:
        """The open time of this month that lies before an instant."""
        index = bisect_right(self.opens, instant) - 1
        return NO_TIME if index < 0 else self.passed[index] + (min(instant, self.closes[index]) - self.opens[index])

    def reaches(self, passed: timedelta) -> datetime:
        """The first instant before which `passed` of open time lies; more than none, at most the month's total."""
        index = bisect_left(self.passed, passed) - 1
        return self.opens[index] + (passed - self.passed[index])


def _zone_info(zone: str) -> ZoneInfo:
    # Every IANA name begins with a capital; what does not (localtime, posixrules, right/…) depends on the machine.
    if not re.fullmatch(r"[A-Z][A-Za-z0-9_+/-]*", zone):
        raise UnknownZone(zone)
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(zone) from None


ALWAYS_OPEN: Final = Calendar("UTC", ((WHOLE_DAY,),) * 7)
"""24 × 7."""
