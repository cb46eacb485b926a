"""What a decision says to the world: events on `cases.events.v1` through the outbox, numbered per case under its lock, and the journal.

The id of an event follows from what it says, so that whatever happens twice bears the same id.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.closed_loop.domain.case import Case, CaseFile
from services.closed_loop.domain.case_clock import ClockChange
from services.closed_loop.domain.decisions import Decision
from services.closed_loop.store import Entry
from shared.contracts.cases import CaseEvent
from shared.contracts.clocks import ClockEvent
from shared.contracts.decoding import encode_own, fast
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.fields import Origin, Record, Versioned
from shared.contracts.identity import event_hash
from shared.contracts.topics import CASES_EVENTS
from shared.database.outbox import OutboxRecord
from shared.observability.tracing import HEADER

SOURCE = "/closed_loop/cases"
TIMER = "timer"
_ClockEvent, _Versioned = fast(ClockEvent), fast(Versioned)
"""Of clocks there are many to a case, and many are due at once."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Who did what, and from where: what a decision does not know about itself."""

    entry: str
    actor: str
    via: str
    text: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    traceparent: bytes | None = None
    """The trace that it belongs to, when that is not the current one."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A case file numbered on, with its outbox records and journal entries in their order."""

    file: CaseFile
    records: list[OutboxRecord]
    entries: list[Entry]


class Said(NamedTuple):
    """What a decision announces, in its order."""

    records: list[OutboxRecord]
    entries: list[Entry]


def say(decision: Decision, doing: Doing, now: datetime) -> Said:
    """Write down what a decision announces: the change of the case first, then that of its clocks. Records are numbered on."""
    case = decision.file.case
    said: list[tuple[str, str, Record]] = []
    entries = []
    if decision.change is not None:
        said.append((f"case.{decision.change}.v1", f"{case.version}", _case_event(case, doing)))
        details = {**doing.details, **({"changes": decision.details} if decision.details else {})}
        entries.append(Entry(case.tenant, case.id, case.version, now, doing.entry, doing.actor, doing.via, doing.text, details))
    for change in decision.clock_changes:
        said.append((f"clock.{change.type}.v1", _told_as(change, case.version), _clock_event(case, change)))
        entries.append(_clock_entry(case, change, now))
    headers = (CONTENT_TYPE,) if doing.traceparent is None else (CONTENT_TYPE, (HEADER, doing.traceparent))
    named = f"{case.tenant}:{case.id}"
    records = []
    for sequence, (type, told_as, data) in enumerate(said, case.sequence + 1):
        id = str(event_hash(named, f"{type}:{told_as}"))
        value = encode_own(
            type, id=id, source=SOURCE, tenant=case.tenant, time=now, data=data, subject=case.id, sequence=sequence, backfill=case.silent
        )
        records.append(OutboxRecord(CASES_EVENTS, named.encode(), value, headers))
    return Said(records, entries)


def announce(decision: Decision, doing: Doing, now: datetime) -> Announcement:
    """What a decision announces, and the case file numbered on."""
    records, entries = say(decision, doing, now)
    case = decision.file.case
    numbered = replace(case, sequence=case.sequence + len(records))
    return Announcement(CaseFile(numbered, decision.file.clocks), records, entries)


def together(several: Iterable[Announcement | Said]) -> Said:
    """The records and entries of several."""
    found = Said([], [])
    for one in several:
        found.records.extend(one.records)
        found.entries.extend(one.entries)
    return found


def _told_as(change: ClockChange, version: int) -> str:
    """What makes an event the same: a warning is given once a cycle, a breach once a generation, the rest once a version of the case."""
    match change.type:
        case "warned":
            return f"{change.clock}:{change.cycle}:{change.percent}"
        case "breached" | "retracted":
            return f"{change.clock}:{change.cycle}:{change.generation}"
    return f"{change.clock}:{change.cycle}:{change.generation}:{version}"


def _case_event(case: Case, doing: Doing) -> CaseEvent:
    """Free of what people wrote: the topic keeps 90 days."""
    return CaseEvent(
        case=case.id,
        version=case.version,
        origin=Origin(source=case.origin_source, id=case.origin_id),
        customer=case.customer,
        category=case.category,
        severity=case.severity,
        state=case.state,
        team=case.team,
        owner=case.owner,
        received_at=case.received_at,
        actor=doing.actor,
        cause=doing.entry,
    )


def _clock_event(case: Case, change: ClockChange) -> ClockEvent:
    return _ClockEvent(
        case=case.id,
        version=case.version,
        clock=change.clock,
        kind=change.kind,
        cycle=change.cycle,
        generation=change.generation,
        due_at=change.due_at,
        percent=change.percent,
        breached_at=change.breached_at,
        policy=_Versioned(id=case.policy, version=case.policy_version),
        calendar=_Versioned(id=change.calendar_id, version=change.calendar_version),
        reason=change.reason,
    )


def _clock_entry(case: Case, change: ClockChange, now: datetime) -> Entry:
    shown = {"clock": change.kind, "cycle": change.cycle, "generation": change.generation, "percent": change.percent,
             "due_at": change.due_at and change.due_at.isoformat(), "breached_at": change.breached_at and change.breached_at.isoformat(),
             "reason": change.reason}  # fmt: skip
    details = {name: value for name, value in shown.items() if value is not None}
    return Entry(case.tenant, case.id, case.version, now, f"clock.{change.type}", TIMER, "clocks", None, details)
