"""The same clocks, computed minute by minute: slow, for whole minutes only, and simple enough to be believed.

Nothing here uses the product's arithmetic; what local time it is comes from zoneinfo, asked for every minute.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.facts import AgreedDate, BusinessDays, ClockSpec, Fact, OpenTime, Target

MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Setting:
    """A time in which the wall clocks of a zone were not set: [first, last), and the wall at both ends."""

    first: datetime
    last: datetime
    wall_first: datetime
    wall_last: datetime


@lru_cache
def settings_of(zone: str, year: int) -> list[Setting]:
    """How the clocks of a zone were set from the December before a year to the January after; looked at every quarter of an hour."""
    at, end = datetime(year - 1, 12, 1, tzinfo=UTC), datetime(year + 1, 2, 1, tzinfo=UTC)
    found: list[Setting] = []
    while at < end:
        wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if found and found[-1].wall_last == wall:
            found[-1] = replace(found[-1], last=at + QUARTER, wall_last=wall + QUARTER)
        else:
            found.append(Setting(at, at + QUARTER, wall, wall + QUARTER))
        at += QUARTER
    return found


@lru_cache(maxsize=65536)
def instant_of(zone: str, day: date, minute: int) -> datetime:
    """The first instant at which the wall of the zone says this; when none does, where it would be had the clocks not been set."""
    wanted = datetime.combine(day, time()) + minute * MINUTE
    settings = settings_of(zone, day.year)
    for setting in settings:
        if setting.wall_first <= wanted < setting.wall_last:
            return setting.first + (wanted - setting.wall_first)
    before = next(one for one, after in pairwise(settings) if one.wall_last <= wanted < after.wall_first)
    return before.last + (wanted - before.wall_last)


def exists(zone: str, day: date) -> bool:
    """Whether a wall of the zone ever showed a date."""
    midnight = datetime.combine(day, time())
    return any(setting.wall_first < midnight + DAY and midnight < setting.wall_last for setting in settings_of(zone, day.year))


def windows_of(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    """The open intervals of a date, not merged; none on a date that no wall ever showed."""
    if not exists(calendar.zone, day):
        return []
    if day in calendar.special_days:
        windows = calendar.special_days[day]
    else:
        windows = () if day in calendar.holidays else calendar.week[day.weekday()]
    return [(instant_of(calendar.zone, day, opens), instant_of(calendar.zone, day, closes)) for opens, closes in windows]


def open_minutes(calendar: Calendar, around: date, span: int) -> set[datetime]:
    """The open minutes of `span` days on both sides of a date."""
    found: set[datetime] = set()
    for n in range(-span, span + 1):
        for opens, closes in windows_of(calendar, around + n * DAY):
            found.update(opens + n * MINUTE for n in range(max(0, (closes - opens) // MINUTE)))
    return found


@dataclass
class Walked:
    """What the walk has found."""

    status: str
    due_at: datetime | None
    breached_at: datetime | None
    elapsed: timedelta
    paused: timedelta
    warnings: list[tuple[int, datetime]]
    met: list[bool | None]


class Walk:
    """One clock, walked minute by minute."""

    def __init__(self, calendar: Calendar, spec: ClockSpec, around: date, span: int = 14) -> None:
        self.calendar, self.spec, self.target = calendar, spec, spec.target
        self.open = open_minutes(calendar, around, span)
        self.in_order = sorted(self.open)
        self.end = datetime.combine(around + (span - 1) * DAY, time(), UTC)
        self.state = "unstarted"
        self.met: list[bool | None] = []

    def begin(self, at: datetime) -> None:
        self.state, self.since, self.base = "running", at, 0
        self.counted = self.paused = 0
        self.breached_at: datetime | None = None
        self.warned: dict[int, datetime] = {}
        self.history: list[tuple[datetime, int, bool]] = []

    def goal(self, percent: int) -> int | datetime:
        """Minutes to be counted, or an instant."""
        target = self.target
        assert target is not None
        if isinstance(target, OpenTime):
            return self.base + target.duration // MINUTE * percent // 100
        due = self.fixed_due(target)
        if percent == 100:
            return due
        whole = self.in_order[bisect_left(self.in_order, self.since) : bisect_left(self.in_order, due)]
        # A quarter of the whole may end within a minute, so it is counted in hundredths of minutes.
        passed, rest = divmod(len(whole) * percent, 100)
        if passed + rest == 0:
            return self.since
        return whole[passed] + rest * MINUTE / 100 if rest else whole[passed - 1] + MINUTE

    def fixed_due(self, target: Target) -> datetime:
        if isinstance(target, AgreedDate):
            return target.due_at
        day = self.since.astimezone(ZoneInfo(self.calendar.zone)).date()
        assert not isinstance(target, OpenTime)
        if not isinstance(target, BusinessDays):
            return instant_of(self.calendar.zone, day + target.days * DAY, 1440)
        left = target.days
        while True:
            day += DAY
            windows = [(opens, closes) for opens, closes in windows_of(self.calendar, day) if opens < closes]
            left -= bool(windows)
            if left == 0:
                return max(closes for _, closes in windows)

    def reached(self, percent: int) -> datetime | None:
        """The first instant of the history at which the goal was reached and the clock went on."""
        goal = self.goal(percent)
        for at, counted, running in self.history:
            if isinstance(goal, datetime):
                if goal < at + MINUTE:
                    return max(goal, at)
            elif running and counted >= goal:
                return at
        # A due that was over before the clock began, or went on, is missed at once.
        return self.now if isinstance(goal, datetime) and goal < self.now else None

    def take(self, fact: Fact) -> None:
        self.now = fact.at
        active = self.state in ("running", "paused")
        if fact.kind == "started" and self.state == "unstarted":
            self.begin(fact.at)
        elif fact.kind == "paused" and self.state == "running":
            self.state = "paused"
        elif fact.kind == "resumed" and self.state == "paused":
            self.state = "running"
        elif fact.kind == "retargeted" and active:
            self.target = fact.target
            if self.spec.retarget == "from_change":
                self.since, self.base = fact.at, self.counted
        elif fact.kind == "stopped" and active:
            self.state = "stopped"
            self.met.append(self.breached_at is None if self.target else None)
        elif fact.kind == "cancelled" and active:
            self.state = "cancelled"
        elif fact.kind == "reopened" and self.state == "stopped":
            if self.spec.reopen == "new_cycle":
                self.begin(fact.at)
            self.state = "running"
        if self.state in ("running", "paused"):
            self.note()

    def note(self) -> None:
        if self.target is None:
            return
        for percent in (*self.spec.warn_at_percent, 100):
            at = self.reached(percent)
            if at and percent == 100:
                self.breached_at = self.breached_at or at
            elif at:
                self.warned.setdefault(percent, at)

    def tick(self, at: datetime) -> None:
        """One minute passes."""
        if self.state not in ("running", "paused"):
            return
        self.history.append((at, self.counted, self.state == "running"))
        self.paused += self.state == "paused" and at in self.open
        self.counted += self.state == "running" and at in self.open

    def walk(self, facts: list[Fact], as_of: datetime) -> Walked:
        """The clock at `as_of`; facts in their order."""
        waiting = [fact for fact in facts if fact.at <= as_of]
        at = waiting[0].at
        while True:
            while waiting and waiting[0].at == at:
                self.take(waiting.pop(0))
            if at >= as_of:
                break
            self.tick(at)
            if not waiting or waiting[0].at == at + MINUTE:
                self.note_until(at + MINUTE, as_of, last=not waiting)
            at += MINUTE
        return self.read(as_of)

    def note_until(self, at: datetime, as_of: datetime, *, last: bool) -> None:
        """Note before a fact and at the end only: nothing else changes what the history says."""
        self.now = at
        if self.state in ("running", "paused") and (not last or at >= as_of):
            self.note()

    def read(self, as_of: datetime) -> Walked:
        status = {"stopped": "met"}.get(self.state, self.state)
        if self.breached_at and status != "cancelled":
            status = "breached"
        elapsed, paused = self.counted * MINUTE, self.paused * MINUTE
        due_at = None if self.target is None or self.state == "cancelled" else self.due_in_force(as_of)
        return Walked(status, due_at, self.breached_at, elapsed, paused, sorted(self.warned.items()), self.met)

    def due_in_force(self, as_of: datetime) -> datetime | None:
        """Walk on, as if the clock ran, until the goal is reached."""
        goal = self.goal(100)
        if isinstance(goal, datetime):
            return goal
        if self.state == "paused":
            return self.breached_at
        reached = self.reached(100)
        if reached:
            return reached
        at = as_of if self.state == "running" else self.history[-1][0] + MINUTE if self.history else self.since
        counted = self.counted
        while counted < goal:
            if at >= self.end:
                raise LookupError("the due lies beyond the walk")
            counted += at in self.open
            at += MINUTE
        return at
