"""Events of cases and clocks to alerts. Their order is Kafka's; `seen` lets each act once, sequences keep late ones from reviving."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts import incidents
from services.alerts.domain.alert import Alert, ClockFact, clock_alert
from services.alerts.domain.clock_rule import FIRES, case_end, ends, fires
from services.alerts.schema import seen_events
from services.alerts.store.alerts import Ending, firing_of_clocks
from services.alerts.store.facts import CaseFact, case_facts_of, clock_ends_of, save_case_facts, save_clock_ends
from services.alerts.store.rules import clock_rules
from shared.contracts.decoding import Event
from shared.contracts.identity import event_digest
from shared.database.seen import admit
from shared.kafka.batch import Received
from shared.observability.tracing import is_sampled

Traces = Mapping[tuple[str, str], bytes | None]
"""The trace of each event, by tenant and id."""


class _Seen(NamedTuple):
    """A row of `seen_events`; these events have no revisions."""

    tenant: str
    event: bytes
    revision: int


async def take_case_events(session: AsyncSession, received: Sequence[Received]) -> None:
    """Handle a batch of case and clock events, each once ever. Does not commit."""
    events = {_Seen(e.tenant, event_digest(e.source, e.id), 1): e for e in (one.event for one in received)}
    traces = {(one.event.tenant, one.event.id): one.traceparent for one in received}
    fresh = set((await admit(session, seen_events, list(events))).fresh)
    for turn in _turns(event for row, event in events.items() if row in fresh):
        cases = [event for event in turn if event.type.startswith("case.")]
        await save_case_facts(session, [_case_fact(event) for event in cases])
        await _take_turn(session, cases, [event for event in turn if event.type.startswith("clock.")], traces)


async def _take_turn(session: AsyncSession, cases: Sequence[Event], clocks: Sequence[Event], traces: Traces) -> None:
    """At most one event of each case."""
    known = await case_facts_of(session, {(event.tenant, event.data.case) for event in clocks})
    facts = [(event, _clock_fact(event, known.get((event.tenant, event.data.case)), traces)) for event in clocks]
    await _end(session, cases, facts)
    firing = [(event, fact) for event, fact in facts if fact.type in FIRES]
    if not firing:
        return
    rules = await clock_rules(session, {fact.tenant for _, fact in firing})
    over = await clock_ends_of(session, {(fact.tenant, fact.clock) for _, fact in firing})
    started: list[Alert] = []
    for event, fact in firing:
        case = known.get((fact.tenant, fact.case))
        if case is not None and case.ended is not None and event.data.version < case.version:
            continue  # what the closing command itself found out is told, and ended by the events after it
        if event.sequence is not None and event.sequence <= over.get((fact.tenant, fact.clock, FIRES[fact.type]), -1):
            continue
        started += [clock_alert(rule, version, fact) for version, rule in rules.get(fact.tenant, ()) if fires(rule, fact)]
    await incidents.start(session, started)


async def _end(session: AsyncSession, cases: Sequence[Event], facts: Sequence[tuple[Event, ClockFact]]) -> None:
    """End what these events end: alerts of one clock up to its generation, or all of a closed case."""
    ending = [(event, fact, over) for event, fact in facts if (over := ends(fact)) is not None]
    closed = {(e.tenant, e.data.case): (e, why) for e in cases if (why := case_end(e.type, e.data.state)) is not None}
    noted = [(f.tenant, f.clock, state, e.sequence) for e, f, (_, states) in ending for state in states if e.sequence is not None]
    await save_clock_ends(session, noted)
    by_clock = {(fact.tenant, fact.clock): (event, fact, over) for event, fact, over in ending}
    endings = []
    for alert in await firing_of_clocks(session, {(f.tenant, f.case) for _, f, _ in ending} | closed.keys()):
        if (alert.tenant, alert.case) in closed:
            event, why = closed[alert.tenant, str(alert.case)]
            endings.append(Ending(alert.id, event.time, why, event.data.actor))
        elif (alert.tenant, alert.clock) in by_clock:
            event, fact, (reason, states) = by_clock[alert.tenant, str(alert.clock)]
            if alert.clock_state in states and (alert.cycle or 0, alert.generation or 0) <= (fact.cycle, fact.generation):
                endings.append(Ending(alert.id, event.time, reason))
    await incidents.end(session, endings)


def _turns(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events so that each turn has at most one of a case, and those of a case stay in their order."""
    turns: list[list[Event]] = []
    taken: dict[tuple[str, str], int] = {}
    for event in events:
        key = (event.tenant, event.data.case)
        turn = taken[key] = taken.get(key, -1) + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(event)
    yield from turns


def _case_fact(event: Event) -> CaseFact:
    data: Any = event.data
    return CaseFact(event.tenant, data.case, data.version, data.team, data.category, data.severity, case_end(event.type, data.state))


def _clock_fact(event: Event, case: CaseFact | None, traces: Traces) -> ClockFact:
    data: Any = event.data
    trace = traces[event.tenant, event.id]
    return ClockFact(
        tenant=event.tenant,
        type=event.type,
        case=data.case,
        clock=data.clock,
        kind=data.kind,
        cycle=data.cycle,
        generation=data.generation,
        at=event.time,
        due_at=data.due_at,
        percent=data.percent,
        breached_at=data.breached_at,
        team=case.team if case else None,
        category=case.category if case else None,
        case_severity=case.severity if case else None,
        traceparent=trace.decode() if trace is not None and is_sampled(trace) else None,
    )
