"""What there is to say about a clock at an instant. Durations are open time of its calendar, never wall time."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Status = Literal["running", "paused", "met", "breached", "cancelled"]


class WarnAt(NamedTuple):
    """A percentage of the target and the instant it is reached, which may be yet to come."""

    percent: int
    at: datetime


class FinishedCycle(NamedTuple):
    """From a start or a reopening to a stop; `elapsed` is its own, without pauses. `met` is None where there is no deadline."""

    started_at: datetime
    stopped_at: datetime
    elapsed: timedelta
    met: bool | None


class Happening(NamedTuple):
    """What is to be announced: a warning with its percentage, or the breach; in which cycle, counted from 1, and when it happened."""

    kind: Literal["warned", "breached"]
    cycle: int
    at: datetime
    percent: int | None = None


class ActiveTime(NamedTuple):
    """Time in which the clock was started and not stopped, [start, end), either running or paused."""

    start: datetime
    end: datetime
    paused: bool


class ClockReading(NamedTuple):
    """A clock at an instant. `elapsed` and `paused` are of the present cycle and, where reopening continues, of those before it.

    `due_at` is the due in force: None without a deadline, after a cancel, and while a pause holds it up (when breached it is then
    `breached_at`). The first breach stays whatever the target becomes. `late` runs from it; `remaining` belongs to the due in force.

    For timers: `happened` is all that was to be announced by now, of every cycle; `next_at` is when to look again if no fact arrives.
    """

    status: Status
    due_at: datetime | None
    breached_at: datetime | None
    late: timedelta
    elapsed: timedelta
    paused: timedelta
    remaining: timedelta | None
    warnings: tuple[WarnAt, ...]
    cycle: int
    cycles: tuple[FinishedCycle, ...]
    happened: tuple[Happening, ...]
    next_at: datetime | None
    active: tuple[ActiveTime, ...]
