"""Where a target puts the due and the warnings, and when a clock gets there.

A goal is either open time to be counted in the cycle, which pauses hold up, or an instant, which nothing moves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.facts import AgreedDate, BusinessDays, CalendarDays, OpenTime, Target

Goal = timedelta | datetime
DUE: Final = 100
"""The percentage of a target that is the due itself."""


@dataclass(slots=True)
class Stretch:
    """Time in which a clock was active, [start, end), either running or paused, and the open time counted in its cycle by start and end."""

    start: datetime
    end: datetime
    paused: bool
    counted_before: timedelta
    counted: timedelta


def goals(calendar: Calendar, target: Target | None, percents: Iterable[int], since: datetime, counted: timedelta) -> dict[int, Goal]:
    """The goal of each percentage, DUE among them, for a target in force since an instant at which `counted` had been counted.

    No target has no goals. Percentages of a fixed due are open time too, from `since` on. Raises Unreachable.
    """
    if target is None:
        return {}
    if isinstance(target, OpenTime):
        return {percent: counted + target.duration * percent // 100 for percent in (*percents, DUE)}
    due_at = fixed_due(calendar, target, since)
    whole = calendar.between(since, due_at)
    warnings: dict[int, Goal] = {percent: calendar.add(since, whole * percent // 100) for percent in percents}
    return warnings | {DUE: due_at}


def fixed_due(calendar: Calendar, target: BusinessDays | CalendarDays | AgreedDate, since: datetime) -> datetime:
    """The due of a target that pauses do not move, in UTC. Raises Unreachable."""
    match target:
        case BusinessDays(days):
            return calendar.business_days_after(since, days)
        case CalendarDays(days):
            return calendar.calendar_days_after(since, days)
        case AgreedDate(due_at):
            return due_at.astimezone(UTC)


def reached(calendar: Calendar, goal: Goal, stretches: Sequence[Stretch]) -> datetime | None:
    """When the first of these stretches that gets to the goal did, None if none has got beyond that instant.

    What falls exactly on the end of a stretch is not reached in it: a stop or a pause of that instant comes first. A fixed instant that
    passed between two stretches is reached at the start of the second, because time in which a case is closed never breaches.
    """
    for stretch in stretches:
        if isinstance(goal, datetime):
            if goal < stretch.end:
                return max(goal, stretch.start)
        elif not stretch.paused and goal <= stretch.counted:
            at = calendar.add(stretch.start, goal - stretch.counted_before)
            if at < stretch.end:
                return at
    return None
