"""Cases and clocks as rows and back: a column for every field, and rows of their own for facts and announcements."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from services.closed_loop.configuration import CalendarKey
from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.case import Case, CaseFile
from services.closed_loop.domain.case_clock import Announced, CaseClock, KnownFact
from services.closed_loop.domain.documents import read_spec, read_target, write_spec, write_target
from services.closed_loop.domain.facts import Fact

Row = dict[str, Any]

CASE_COLUMNS = tuple(field.name for field in fields(Case))
READING_COLUMNS = ("severity", "generation", "activity", "status", "cycle", "due_at", "breached_at", "next_at")
"""The columns of a clock that change; its severity is that of its case."""
CLOCK_COLUMNS = ("tenant", "id", "case_id", "kind", "spec", "calendar_id", "calendar_version", *READING_COLUMNS[1:])
FACT_COLUMNS = ("tenant", "clock", "id", "at", "kind", "target", "reason")
ANNOUNCEMENT_COLUMNS = ("tenant", "clock", "kind", "cycle", "generation", "percent", "at", "detected_at", "told", "retracted")


def case_row(case: Case) -> Row:
    """The row of a case."""
    return {**{name: getattr(case, name) for name in CASE_COLUMNS}, "closes_with": list(case.closes_with)}


def read_case(row: Sequence[Any]) -> Case:
    """The case of a row of CASE_COLUMNS."""
    return Case(*row)


def clock_row(case: Case, clock: CaseClock) -> Row:
    """The row of a clock, without its facts and announcements."""
    return {
        **reading_row(case, clock),
        "case_id": case.id,
        "kind": clock.kind,
        "spec": write_spec(clock.spec),
        "calendar_id": clock.calendar_id,
        "calendar_version": clock.calendar_version,
    }


def reading_row(case: Case, clock: CaseClock) -> Row:
    """The key of a clock and the columns that change."""
    return {
        "tenant": case.tenant,
        "id": clock.id,
        "severity": case.severity,
        "generation": clock.generation,
        "activity": clock.activity,
        "status": clock.status,
        "cycle": clock.cycle,
        "due_at": clock.due_at,
        "breached_at": clock.breached_at,
        "next_at": clock.next_at,
    }


def read_clock(
    row: Sequence[Any], calendars: Mapping[CalendarKey, Calendar], facts: Sequence[KnownFact], announced: Sequence[Announced]
) -> CaseClock:
    """The clock of a row of CLOCK_COLUMNS, its spec as JSON in text; facts in their position."""
    tenant, id, _, kind, spec, calendar_id, calendar_version, *reading = row
    calendar = calendars[CalendarKey(tenant, calendar_id, calendar_version)]
    return CaseClock(id, kind, read_spec(spec), calendar_id, calendar_version, calendar, tuple(facts), tuple(announced), *reading)


def read_fact(row: Sequence[Any]) -> KnownFact:
    """The fact of a row of FACT_COLUMNS, its target as JSON in text."""
    _, _, id, at, kind, target, reason = row
    return KnownFact(id, Fact(at, kind, read_target(target), reason))


def read_announcement(row: Sequence[Any]) -> Announced:
    """The announcement of a row of ANNOUNCEMENT_COLUMNS."""
    _, _, kind, cycle, generation, percent, *rest = row
    return Announced(kind, cycle, generation, percent or None, *rest)


def fact_row(tenant: str, clock: str, known: KnownFact) -> Row:
    """The row of a fact."""
    fact = known.fact
    return {
        "tenant": tenant,
        "clock": clock,
        "id": known.id,
        "at": fact.at,
        "kind": fact.kind,
        "target": write_target(fact.target),
        "reason": fact.reason,
    }


def announcement_row(tenant: str, clock: str, one: Announced) -> Row:
    """The row of an announcement."""
    return {
        "tenant": tenant,
        "clock": clock,
        "cycle": one.cycle,
        "generation": one.generation,
        "kind": one.kind,
        "percent": one.percent or 0,
        "at": one.at,
        "detected_at": one.detected_at,
        "told": one.told,
        "retracted": one.retracted,
    }


def has_timer(file: CaseFile) -> bool:
    """Whether any clock of the case will want to be looked at."""
    return any(clock.next_at is not None for clock in file.clocks)
