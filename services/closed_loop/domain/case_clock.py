"""One clock of a case as it is kept: its facts, what was announced about it, and what follows when either changes.

A clock never decides from what it said before, only from its facts; what it said is kept to say everything once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.clock import FIRST_INSTANT_AFTER, evaluate
from services.closed_loop.domain.facts import ClockSpec, Fact
from services.closed_loop.domain.policy import ClockKind
from services.closed_loop.domain.reading import ClockReading, Happening, Status

Activity = Literal["unstarted", "running", "paused", "stopped", "cancelled"]
ChangeType = Literal["started", "warned", "breached", "retracted", "rescheduled", "paused", "resumed", "met", "cancelled"]


class KnownFact(NamedTuple):
    """A fact and what it is known from: `id` is unique within its clock."""

    id: str
    fact: Fact


class Announced(NamedTuple):
    """A warning or a breach that needs no further announcement. `told` is False for what was passed over in silence."""

    kind: Literal["warned", "breached"]
    cycle: int
    generation: int
    percent: int | None
    at: datetime
    detected_at: datetime
    told: bool = True
    retracted: bool = False


@dataclass(frozen=True, slots=True)
class CaseClock:
    """A clock, and the reading of it that was stored last. `next_at` is when its timer fires."""

    id: str
    kind: ClockKind
    spec: ClockSpec
    calendar_id: str
    calendar_version: int
    calendar: Calendar
    facts: tuple[KnownFact, ...]
    announced: tuple[Announced, ...] = ()
    generation: int = 1
    activity: Activity = "unstarted"
    status: Status = "running"
    cycle: int = 1
    due_at: datetime | None = None
    breached_at: datetime | None = None
    next_at: datetime | None = None

    def read(self, as_of: datetime) -> ClockReading:
        """What the clock says at an instant not before its start."""
        return evaluate(self.calendar, self.spec, (known.fact for known in self.facts), as_of)

    def with_fact(self, id: str, fact: Fact) -> "CaseClock":
        """The same with one more fact, or with another in the place of the one of this id."""
        return replace(self, facts=(*(known for known in self.facts if known.id != id), KnownFact(id, fact)))

    def without_fact(self, id: str) -> "CaseClock":
        """The same without a fact that turned out not to be one."""
        return replace(self, facts=tuple(known for known in self.facts if known.id != id))


class ClockChange(NamedTuple):
    """What is announced about a clock: the event type's last word, and the clock as the event shows it."""

    type: ChangeType
    clock: str
    kind: ClockKind
    cycle: int
    generation: int
    due_at: datetime | None
    breached_at: datetime | None
    calendar_id: str
    calendar_version: int
    percent: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """How a clock is brought up to date at `now`: whether what is due is announced (the timer), or left to it; and why it changed.

    `silent` announces nothing that is due and sets no timer. `waking` passes over, for good, what is due by now.
    """

    now: datetime
    timer: bool = False
    silent: bool = False
    waking: bool = False
    rescheduled: bool = False
    reason: str | None = None


def settle(clock: CaseClock, telling: Telling) -> tuple[CaseClock, list[ClockChange]]:
    """Bring a clock up to date with its facts, and say what is to be announced, in that order.

    Warnings and breaches are the timer's to announce, so that one gate holds for all; only a clock that has finished says at once that
    it was breached before it did. Raises ClockRefused when its calendar never reaches the target.
    """
    return _Settling(clock, telling).run()


class _Settling:
    """One run of `settle`."""

    def __init__(self, clock: CaseClock, telling: Telling) -> None:
        self._before = clock
        self._telling = telling
        self._reading = clock.read(telling.now)
        self._activity = _activity(self._reading)
        self._generation = clock.generation
        self._announced = list(clock.announced)
        self._changes: list[ClockChange] = []

    def run(self) -> tuple[CaseClock, list[ClockChange]]:
        telling, before = self._telling, self._before
        retracted = self._retract()
        if telling.rescheduled:
            self._generation += 1
            self._say("rescheduled", reason=telling.reason)
        finished = self._activity in ("stopped", "cancelled")
        pending = self._pending()
        if (before.activity == "unstarted" or telling.rescheduled) and not telling.silent:
            pending = self._without_overtaken(pending)
        if telling.waking:
            self._pass_over(pending)
            pending = []
        elif not telling.silent and (telling.timer or finished):
            self._announce([one for one in pending if telling.timer or one.kind == "breached"])
            pending = []
        self._tell_activity(retracted)
        reading = self._reading
        return replace(
            before,
            announced=tuple(self._announced),
            generation=self._generation,
            activity=self._activity,
            status=reading.status,
            cycle=reading.cycle,
            due_at=reading.due_at,
            breached_at=reading.breached_at,
            next_at=None if telling.silent or finished else self._next_at(pending),
        ), self._changes

    def _retract(self) -> bool:
        """Take back announced breaches that the facts no longer show."""
        breached = {one.cycle for one in self._reading.happened if one.kind == "breached"}
        wrong = [one for one in self._announced if one.kind == "breached" and not one.retracted and one.cycle not in breached]
        for one in wrong:
            self._announced[self._announced.index(one)] = one._replace(retracted=True)
            if one.told:
                self._say("retracted", cycle=one.cycle, generation=one.generation, breached_at=one.at, reason=self._telling.reason)
        self._generation += bool(wrong)
        return bool(wrong)

    def _pending(self) -> list[Happening]:
        """What has happened and was not announced: warnings once a cycle, breaches once a cycle unless retracted."""
        known = {(one.kind, one.cycle, one.percent) for one in self._announced if not one.retracted}
        return [one for one in self._reading.happened if (one.kind, one.cycle, one.percent) not in known]

    def _without_overtaken(self, pending: list[Happening]) -> list[Happening]:
        """What is breached from its beginning, or from a new target on, is one notice: its warnings are passed over."""
        breaches = {one.cycle: one.at for one in pending if one.kind == "breached"}
        overtaken = [one for one in pending if one.kind == "warned" and one.cycle in breaches and one.at <= breaches[one.cycle]]
        self._pass_over(overtaken)
        return [one for one in pending if one not in overtaken]

    def _announce(self, pending: Sequence[Happening]) -> None:
        now = self._telling.now
        for one in pending:
            self._announced.append(Announced(one.kind, one.cycle, self._generation, one.percent, one.at, now))
            breached_at = one.at if one.kind == "breached" else self._breach_before(one)
            due_at = one.at if one.kind == "breached" else self._reading.due_at
            self._say(one.kind, cycle=one.cycle, percent=one.percent, breached_at=breached_at, due_at=due_at)

    def _breach_before(self, warning: Happening) -> datetime | None:
        """A reminder above 100 % comes after the breach and names it; a warning before it does not know it yet."""
        return next((one.at for one in self._reading.happened if one.kind == "breached" and one.at <= warning.at), None)

    def _pass_over(self, pending: Sequence[Happening]) -> None:
        now = self._telling.now
        self._announced += [Announced(one.kind, one.cycle, self._generation, one.percent, one.at, now, told=False) for one in pending]

    def _tell_activity(self, retracted: bool) -> None:
        before, now = self._before.activity, self._activity
        again = retracted or self._reading.cycle != self._before.cycle
        if now == before and not (now == "stopped" and again):
            return
        match before, now:
            case _, "stopped":
                self._say("met", reason=self._telling.reason)
            case _, "cancelled":
                self._say("cancelled", reason=self._telling.reason)
            case "unstarted", _:
                self._say("started")
                if now == "paused":
                    self._say("paused", reason=self._telling.reason)
            case _, "paused":
                self._say("paused", reason=self._telling.reason)
            case _:
                self._say("resumed", reason=self._telling.reason)

    def _next_at(self, pending: Sequence[Happening]) -> datetime | None:
        ahead = [known.fact.at for known in self._before.facts if known.fact.at > self._telling.now]
        instants = [one.at + FIRST_INSTANT_AFTER for one in pending] + ahead
        if self._reading.next_at is not None:
            instants.append(self._reading.next_at)
        return min(instants, default=None)

    def _say(self, type: ChangeType, **shown: Any) -> None:
        clock, reading = self._before, self._reading
        present: dict[str, Any] = {"cycle": reading.cycle, "generation": self._generation, "due_at": reading.due_at,
                                   "breached_at": reading.breached_at, "calendar_id": clock.calendar_id,
                                   "calendar_version": clock.calendar_version}  # fmt: skip
        self._changes.append(ClockChange(type, clock.id, clock.kind, **{**present, **shown}))


def _activity(reading: ClockReading) -> Activity:
    if reading.status == "cancelled":
        return "cancelled"
    if len(reading.cycles) == reading.cycle:
        return "stopped"
    return "paused" if reading.active[-1].paused else "running"
