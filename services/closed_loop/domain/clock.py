"""What a clock says at an instant: computed from its calendar, what is asked of it, and its facts; never from what it said before.

An instant takes effect in the first instant after it: at its due a clock still runs, a microsecond later it is breached. So a reply at
exactly the due is in time.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from services.closed_loop.domain.calendar import NO_TIME, Calendar
from services.closed_loop.domain.facts import NEW_CYCLE, ClockSpec, Fact, Target, in_order
from services.closed_loop.domain.goals import DUE, Stretch, goals, reached
from services.closed_loop.domain.reading import ActiveTime, ClockReading, FinishedCycle, Happening, Status, WarnAt
from services.closed_loop.domain.refusals import NotStarted

State = Literal["running", "paused", "stopped", "cancelled"]
FIRST_INSTANT_AFTER: Final = timedelta(microseconds=1)


def evaluate(calendar: Calendar, spec: ClockSpec, facts: Iterable[Fact], as_of: datetime) -> ClockReading:
    """The clock at `as_of`. Facts may come in any order, later ones do not count yet, ones that make no sense in their state are ignored.

    Raises NotStarted, and Unreachable when the calendar is never open long enough.
    """
    ordered = iter(in_order(facts, as_of))
    started = next((fact for fact in ordered if fact.kind == "started"), None)
    if started is None:
        raise NotStarted(as_of)
    clock = _Clock(calendar, spec, started.at.astimezone(UTC))
    for fact in ordered:
        clock.take(fact, fact.at.astimezone(UTC))
    return clock.read(as_of.astimezone(UTC))


class _Clock:
    """Walks the facts of one clock in their order, and reads what the walk has found."""

    def __init__(self, calendar: Calendar, spec: ClockSpec, started_at: datetime) -> None:
        self._calendar = calendar
        self._spec = spec
        self._target = spec.target
        self._state: State = "running"
        self._cycle = 1
        self._cycles: list[FinishedCycle] = []
        self._happened: list[Happening] = []
        self._past: list[Stretch] = []
        self._begin(started_at)

    def take(self, fact: Fact, at: datetime) -> None:
        """The next fact."""
        self._advance(at)
        match self._state, fact.kind:
            case "running", "paused":
                self._enter("paused", at)
            case "paused", "resumed":
                self._enter("running", at)
            case "running" | "paused", "retargeted":
                self._retarget(fact.target, at)
            case "running" | "paused", "stopped":
                self._stop(at)
            case "running" | "paused", "cancelled":
                self._state = "cancelled"
            case "stopped", "reopened":
                self._reopen(at, anew=self._spec.reopen == "new_cycle" or fact.reason == NEW_CYCLE)

    def read(self, as_of: datetime) -> ClockReading:
        """What the clock says at an instant not before its last fact."""
        self._advance(as_of)
        ahead = self._ahead()
        warnings = self._warned | {percent: at for percent, at in ahead.items() if percent in self._spec.warn_at_percent}
        return ClockReading(
            status=self._status(),
            due_at=self._due_at(),
            breached_at=self._breached_at,
            late=self._late(),
            elapsed=self._stretches[-1].counted,
            paused=self._paused,
            remaining=self._remaining(),
            warnings=tuple(WarnAt(percent, at) for percent, at in sorted(warnings.items())),
            cycle=self._cycle,
            cycles=tuple(self._cycles),
            happened=tuple(sorted(self._happened, key=lambda one: (one.at, one.percent or DUE))),
            next_at=min(ahead.values()) + FIRST_INSTANT_AFTER if ahead else None,
            active=tuple(ActiveTime(part.start, part.end, part.paused) for part in (*self._past, *self._stretches)),
        )

    def _begin(self, at: datetime) -> None:
        """What is counted from a start, or from a reopening that begins a new cycle."""
        self._since = at
        self._paused = NO_TIME
        self._warned: dict[int, datetime] = {}
        self._breached_at: datetime | None = None
        self._aim(at, NO_TIME)
        self._opened, self._opened_with = at, NO_TIME
        self._stretches: list[Stretch] = []
        self._enter("running", at)

    def _aim(self, since: datetime, counted: timedelta) -> None:
        self._goals = goals(self._calendar, self._target, self._spec.warn_at_percent, since, counted)

    def _enter(self, state: Literal["running", "paused"], at: datetime) -> None:
        counted = self._stretches[-1].counted if self._stretches else NO_TIME
        self._state = state
        self._stretches.append(Stretch(at, at, state == "paused", counted, counted))

    def _advance(self, at: datetime) -> None:
        """Carry the present stretch on to an instant, and note what it reaches on the way."""
        if self._state not in ("running", "paused"):
            return
        stretch = self._stretches[-1]
        passed = self._calendar.between(stretch.end, at)
        stretch.end = at
        if stretch.paused:
            self._paused += passed
        else:
            stretch.counted += passed
        self._note([stretch])

    def _note(self, stretches: Sequence[Stretch]) -> None:
        """Keep the first time that each warning and the due were reached; a later target does not take them back."""
        for percent, goal in self._goals.items():
            at = reached(self._calendar, goal, stretches)
            if at is None:
                continue
            if percent in self._spec.warn_at_percent and percent not in self._warned:
                self._warned[percent] = at
                self._happened.append(Happening("warned", self._cycle, at, percent))
            if percent == DUE and self._breached_at is None:
                self._breached_at = at
                self._happened.append(Happening("breached", self._cycle, at))

    def _retarget(self, target: Target | None, at: datetime) -> None:
        self._target = target
        if self._spec.retarget == "from_change":
            self._aim(at, self._stretches[-1].counted)
        else:
            self._aim(self._since, NO_TIME)
        self._note(self._stretches)

    def _stop(self, at: datetime) -> None:
        self._state = "stopped"
        met = self._breached_at is None if self._target else None
        self._cycles.append(FinishedCycle(self._opened, at, self._stretches[-1].counted - self._opened_with, met))

    def _reopen(self, at: datetime, *, anew: bool) -> None:
        self._cycle += 1
        if anew:
            self._past += self._stretches
            self._begin(at)
        else:
            self._opened, self._opened_with = at, self._stretches[-1].counted
            self._enter("running", at)

    def _status(self) -> Status:
        if self._state == "cancelled":
            return "cancelled"
        if self._breached_at is not None:
            return "breached"
        return "met" if self._state == "stopped" else self._state

    def _ahead(self) -> dict[int, datetime]:
        """When each percentage that is not yet reached will be, if no fact arrives; those that a pause holds up are left out."""
        if self._state not in ("running", "paused"):
            return {}
        waiting = {percent: goal for percent, goal in self._goals.items() if percent not in self._warned}
        if self._breached_at is not None:
            waiting.pop(DUE, None)
        present = self._stretches[-1]
        ahead: dict[int, datetime] = {}
        for percent, goal in waiting.items():
            if isinstance(goal, datetime):
                ahead[percent] = goal
            elif not present.paused:
                ahead[percent] = self._calendar.add(present.end, goal - present.counted)
        return ahead

    def _due_at(self) -> datetime | None:
        goal = self._goals.get(DUE)
        if goal is None or self._state == "cancelled":
            return None
        if isinstance(goal, datetime):
            return goal
        if self._state == "paused":
            return self._breached_at
        last = self._stretches[-1]
        return reached(self._calendar, goal, self._stretches) or self._calendar.add(last.end, goal - last.counted)

    def _remaining(self) -> timedelta | None:
        goal = self._goals.get(DUE)
        if goal is None or self._state == "cancelled":
            return None
        last = self._stretches[-1]
        if isinstance(goal, datetime):
            return self._calendar.between(last.end, goal)
        return max(goal - last.counted, NO_TIME)

    def _late(self) -> timedelta:
        """Open time since the breach: without pauses, unless the due is one that pauses do not move."""
        if self._breached_at is None:
            return NO_TIME
        fixed = isinstance(self._goals.get(DUE), datetime)
        late = (
            self._calendar.between(max(self._breached_at, part.start), part.end) for part in self._stretches if fixed or not part.paused
        )
        return sum(late, NO_TIME)
