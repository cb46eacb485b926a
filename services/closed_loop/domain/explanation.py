"""Why a clock says what it says: its active time, stretch by stretch, with what each of them counted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from services.closed_loop.domain.calendar import NO_TIME, ONE_DAY, Calendar
from services.closed_loop.domain.reading import ActiveTime
from services.closed_loop.domain.refusals import ExplanationTooLong

Why = Literal["open", "paused", "closed", "holiday"]


@dataclass(frozen=True, slots=True)
class Explained:
    """[start, end) and the open time it counted: all of it when open, otherwise none. `paused` is open time that a pause kept out."""

    start: datetime
    end: datetime
    counted: timedelta
    why: Why


class _Piece(NamedTuple):
    start: datetime
    end: datetime
    why: Literal["open", "closed", "holiday"]


def explain(calendar: Calendar, active: Iterable[ActiveTime], limit: int) -> tuple[Explained, ...]:
    """The active time of a reading, neighbours of one kind merged. Raises ExplanationTooLong beyond `limit` stretches."""
    found: list[Explained] = []
    for stretch in active:
        for start, end, openness in _pieces(calendar, stretch.start, stretch.end):
            why: Why = "paused" if stretch.paused and openness == "open" else openness
            joins = bool(found) and (found[-1].end, found[-1].why) == (start, why)
            begin = found.pop().start if joins else start
            found.append(Explained(begin, end, end - begin if why == "open" else NO_TIME, why))
            if len(found) > limit:
                raise ExplanationTooLong(limit)
    return tuple(found)


def _pieces(calendar: Calendar, start: datetime, end: datetime) -> Iterator[_Piece]:
    """[start, end) cut where the calendar opens or closes and where its days end."""
    if calendar.always_open:
        if start < end:
            yield _Piece(start, end, "open")
        return
    at, day = start, calendar.local_date(start) - ONE_DAY
    while at < end:
        shut: Literal["closed", "holiday"] = "holiday" if calendar.is_holiday(day) else "closed"
        day_end = min(calendar.start_of(day + ONE_DAY), end)
        for window in calendar.open_windows(day):
            opens, closes = max(window.start, at), min(window.end, day_end)
            if opens >= closes:
                continue
            if at < opens:
                yield _Piece(at, opens, shut)
            yield _Piece(opens, closes, "open")
            at = closes
        if at < day_end:
            yield _Piece(at, day_end, shut)
            at = day_end
        day += ONE_DAY
