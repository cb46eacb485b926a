"""What a command does to a case: a new case file and what is to be announced, or a refusal that says why. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from services.closed_loop.domain import commands
from services.closed_loop.domain.case import OPEN, Case, CaseFile
from services.closed_loop.domain.case_clock import CaseClock, ClockChange, Telling, settle
from services.closed_loop.domain.command_refusals import (
    AlreadyPaused,
    NoSuchClock,
    NotComplete,
    NotInThisState,
    NotPaused,
    PauseWithoutFuture,
)
from services.closed_loop.domain.facts import NEW_CYCLE, Fact, FactKind
from services.closed_loop.domain.policy import ClockKind
from shared.contracts.cases import CaseState

CaseChange = Literal["opened", "changed", "reopened", "closed", "withdrawn"]

ALLOWED_IN: Final[dict[type[commands.Command], tuple[CaseState, ...]]] = {
    commands.Acknowledge: ("received",),
    commands.Respond: OPEN,
    commands.Resolve: OPEN,
    commands.Close: ("resolved", "following_up"),
    commands.Assign: OPEN,
    commands.Pause: OPEN,
    commands.Resume: OPEN,
    commands.Retarget: OPEN,
    commands.Reopen: ("resolved", "following_up", "closed"),
    commands.Withdraw: OPEN,
}
"""A note may be added in any state."""

ACKNOWLEDGED: Final[tuple[ClockKind, ...]] = ("acknowledge",)
ANSWERED: Final[tuple[ClockKind, ...]] = ("acknowledge", "first_response")
RESOLVED: Final[tuple[ClockKind, ...]] = ("resolution",)
"""Which clocks stop at what."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The case file after it, the case event (None when only clocks changed), and what is announced about the clocks."""

    file: CaseFile
    change: CaseChange | None
    clock_changes: tuple[ClockChange, ...]
    details: dict[str, Any]
    """For the journal: what was said and what differs, free of Python types."""


def name_of(command: commands.Command) -> str:
    """How the API, the journal and the events call a command."""
    return type(command).__name__.lower()


def carry_out(file: CaseFile, command: commands.Command, now: datetime) -> Decision:
    """Carry out a person's command at `now`, which nothing known about the case lies after. Raises CommandRefused, or ClockRefused."""
    allowed = ALLOWED_IN.get(type(command))
    if allowed is not None and file.case.state not in allowed:
        raise NotInThisState(name_of(command), file.case.state, allowed)
    draft, change, reason, retargeted = _draft(file, command, now)
    woken = replace(draft.case, silent=False)
    return conclude(file, replace(draft, case=woken), now, change=change, reason=reason, retargeted=retargeted)


def conclude(
    before: CaseFile, draft: CaseFile, now: datetime, *, change: CaseChange, reason: str | None = None, retargeted: ClockKind | None = None
) -> Decision:
    """The decision that makes `draft` the case file: the next version, clocks brought up to date with their facts."""
    case = replace(draft.case, version=before.case.version + 1)
    waking = before.case.silent and not case.silent
    clocks, changes = [], []
    for clock in draft.clocks:
        telling = Telling(now, silent=case.silent, waking=waking, rescheduled=clock.kind == retargeted, reason=reason)
        settled, said = settle(clock, telling)
        clocks.append(settled)
        changes += said
    return Decision(CaseFile(case, tuple(clocks)), change, tuple(changes), differences(before.case, case))


def fire(file: CaseFile, now: datetime) -> Decision:
    """What the timer does: announce what is due by `now`, and set the next timers. A pause at its limit is over."""
    if file.case.silent:
        return Decision(file, None, (), {})
    clocks, changes = [], []
    for clock in file.clocks:
        settled, said = settle(clock, Telling(now, timer=True, reason="pause_limit_reached"))
        clocks.append(settled)
        changes += said
    return Decision(CaseFile(file.case, tuple(clocks)), None, tuple(changes), {})


def with_facts(
    file: CaseFile, kind: FactKind, at: datetime, id: str, *, only: Collection[ClockKind] | None = None, reason: str | None = None
) -> CaseFile:
    """The case file with a fact on all its clocks, or only on those of these kinds."""
    clocks = (clock.with_fact(id, Fact(at, kind, reason=reason)) if only is None or clock.kind in only else clock for clock in file.clocks)
    return replace(file, clocks=tuple(clocks))


def differences(before: Case, after: Case) -> dict[str, Any]:
    """Field by field, what was and what is."""
    named = [(name, getattr(before, name), getattr(after, name)) for name in _SHOWN]
    return {name: {"before": _plain(was), "after": _plain(is_)} for name, was, is_ in named if was != is_}


CONTINUES_WITHIN: Final = timedelta(days=7)
"""A case that is reopened later begins a new cycle of its resolution; until then the clock goes on with what was left."""

_SHOWN: Final = ("state", "severity", "category", "team", "owner", "received_at", "acknowledged_at", "responded_at", "informed_at",
                 "resolved_at", "closed_at", "promised_at", "pause_reason", "paused_until", "withdrawal_offered_at", "silent")  # fmt: skip

_Draft = tuple[CaseFile, CaseChange, str | None, ClockKind | None]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _draft(file: CaseFile, command: commands.Command, now: datetime) -> _Draft:
    """The case file with what the command says, its clocks not yet brought up to date."""
    case, fact = file.case, f"command:{file.case.version + 1}"
    match command:
        case commands.Acknowledge():
            acknowledged = replace(file, case=replace(case, state="acknowledged", acknowledged_at=now))
            return with_facts(acknowledged, "stopped", now, fact, only=ACKNOWLEDGED), "changed", "acknowledged", None
        case commands.Respond():
            answered = replace(respond(file, now, fact), case=answered_case(case, now, command.next_step, command.promised_at))
            return answered, "changed", "responded", None
        case commands.Resolve():
            resolved = replace(case, state="resolved", outcome=command.outcome, informed_at=now, resolved_at=now)
            stopped = with_facts(replace(file, case=resolved), "stopped", now, f"{fact}:stopped", only=RESOLVED)
            return _unpaused(stopped, now, fact), "changed", "resolved", None
        case commands.Close():
            if case.missing:
                raise NotComplete(case.missing)
            return _ended(file, now, fact, "closed", closed_at=now), "closed", "closed", None
        case commands.Withdraw():
            return _ended(file, now, fact, "withdrawn", closed_at=now), "withdrawn", "withdrawn", None
        case commands.Reopen():
            ended_at = case.resolved_at or case.closed_at
            reason = NEW_CYCLE if ended_at is not None and now - ended_at > CONTINUES_WITHIN else None
            again = replace(case, state="reopened", informed_at=None, resolved_at=None, closed_at=None, outcome=None)
            return with_facts(replace(file, case=again), "reopened", now, fact, only=RESOLVED, reason=reason), "reopened", "reopened", None
        case commands.Assign():
            assigned = replace(case, owner=command.owner or case.owner, team=command.team or case.team)
            return replace(file, case=assigned), "changed", "assigned", None
        case commands.Retarget():
            return _retargeted(file, command, now, fact), "changed", "retargeted", command.clock
        case commands.Note():
            return file, "changed", "noted", None
        case commands.Pause():
            return _paused(file, command, now, fact), "changed", command.reason, None
        case commands.Resume():
            if not case.paused(now):
                raise NotPaused
            return _unpaused(file, now, fact), "changed", "resumed", None


def respond(file: CaseFile, at: datetime, fact: str) -> CaseFile:
    """The clocks that an answer by a person stops, stopped at `at`."""
    return with_facts(file, "stopped", at, fact, only=ANSWERED)


def answered_case(case: Case, at: datetime, next_step: str | None, promised_at: datetime | None) -> Case:
    """The case after an answer: the first one counts, the last one's promise holds. Who was answered was acknowledged too."""
    return replace(
        case,
        state="acknowledged" if case.state == "received" else case.state,
        acknowledged_at=min(case.acknowledged_at or at, at),
        responded_at=min(case.responded_at or at, at),
        next_step=next_step or case.next_step,
        promised_at=promised_at or case.promised_at,
    )


def _paused(file: CaseFile, command: commands.Pause, now: datetime, fact: str) -> CaseFile:
    case = file.case
    if case.paused(now):
        raise AlreadyPaused(case.pause_reason, case.paused_until)
    if command.until <= now:
        raise PauseWithoutFuture(command.until, now)
    paused = replace(file, case=replace(case, pause_reason=command.reason, paused_until=command.until))
    begun = with_facts(paused, "paused", now, f"{fact}:paused")
    return with_facts(begun, "resumed", command.until, f"{fact}:limit")


def _unpaused(file: CaseFile, now: datetime, fact: str) -> CaseFile:
    """Every way out of a pause ends it for all clocks, and forgets the limit that was ahead."""
    if file.case.paused_until is None:
        return file
    case = replace(file.case, pause_reason=None, paused_until=None)
    clocks = tuple(replace(clock, facts=tuple(known for known in clock.facts if known.fact.at <= now)) for clock in file.clocks)
    if not file.case.paused(now):
        return CaseFile(case, clocks)
    return with_facts(CaseFile(case, clocks), "resumed", now, f"{fact}:resumed")


def _ended(file: CaseFile, now: datetime, fact: str, state: CaseState, **more: Any) -> CaseFile:
    """A case that is over has no running clock."""
    ended = replace(file, case=replace(file.case, state=state, **more))
    return with_facts(_unpaused(ended, now, fact), "cancelled", now, f"{fact}:cancelled", only=_unfinished(file.clocks))


def _retargeted(file: CaseFile, command: commands.Retarget, now: datetime, fact: str) -> CaseFile:
    running = _unfinished(file.clocks)
    if command.clock not in running:
        raise NoSuchClock(command.clock, running)
    known = Fact(now, "retargeted", command.target(), "retargeted")
    clocks = (clock.with_fact(fact, known) if clock.kind == command.clock else clock for clock in file.clocks)
    return replace(file, clocks=tuple(clocks))


def _unfinished(clocks: Iterable[CaseClock]) -> list[ClockKind]:
    return [clock.kind for clock in clocks if clock.activity in ("running", "paused")]
