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


def read_clock(row: Any, calendars: Mapping[CalendarKey, Calendar], facts: Sequence[Any], announced: Sequence[Any]) -> CaseClock:
    """The clock of a row, with the rows of its facts in their position and of its announcements; documents are JSON as text."""
    return CaseClock(
        id=row.id,
        kind=row.kind,
        spec=read_spec(row.spec),
        calendar_id=row.calendar_id,
        calendar_version=row.calendar_version,
        calendar=calendars[CalendarKey(row.tenant, row.calendar_id, row.calendar_version)],
        facts=tuple(KnownFact(fact.id, Fact(fact.at, fact.kind, read_target(fact.target), fact.reason)) for fact in facts),
        announced=tuple(
            Announced(one.kind, one.cycle, one.generation, one.percent or None, one.at, one.detected_at, one.told, one.retracted)
            for one in announced
        ),
        generation=row.generation,
        activity=row.activity,
        status=row.status,
        cycle=row.cycle,
        due_at=row.due_at,
        breached_at=row.breached_at,
        next_at=row.next_at,
    )


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
