"""What the API shows of a case, computed for the instant of the request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.domain.policy import CaseKind, ClockKind, Milestone
from services.closed_loop.domain.reading import Status
from shared.contracts.cases import CaseState
from shared.contracts.fields import Origin, Severity, Versioned


class WarningView(BaseModel):
    """A warning and its instant, which may be yet to come."""

    percent: int
    at: datetime


class ClockView(BaseModel):
    """A clock as it stands now. Seconds are open time of its calendar, without pauses; `remaining_seconds` is null without a due."""

    id: str
    kind: ClockKind
    status: Status
    activity: str
    due_at: datetime | None
    breached_at: datetime | None
    late_seconds: float
    elapsed_seconds: float
    paused_seconds: float
    remaining_seconds: float | None
    warnings: list[WarningView]
    cycle: int
    generation: int
    calendar: Versioned


class CaseSummary(BaseModel):
    """A case without its story. `missing` is what must happen before it can close."""

    id: str
    version: int
    kind: CaseKind
    state: CaseState
    origin: Origin
    customer: str | None
    channel: str
    category: str | None
    severity: Severity
    segment: str | None
    product: str | None
    region: str | None
    language: str | None
    team: str | None
    owner: str | None
    received_at: datetime
    opened_at: datetime
    acknowledged_at: datetime | None
    responded_at: datetime | None
    informed_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    next_step: str | None
    promised_at: datetime | None
    outcome: str | None
    paused: bool
    pause_reason: str | None
    paused_until: datetime | None
    withdrawal_offered_at: datetime | None
    backfill: bool
    silent: bool
    policy: Versioned
    missing: list[Milestone]
    clocks: list[ClockView]


class TimelineEntry(BaseModel):
    """What was done or announced: a command, an event that came, a clock's warning or breach with the instant of its detection (`at`)."""

    at: datetime
    entry: str
    actor: str
    via: str
    version: int
    text: str | None
    details: dict[str, Any]


class CaseView(CaseSummary):
    """A case with its story, the oldest first; of a very long one the newest part."""

    timeline: list[TimelineEntry]


class CasePage(BaseModel):
    """One page of cases, the newest first."""

    items: list[CaseSummary]
    next: str | None


def clock_view(clock: CaseClock, now: datetime) -> ClockView:
    """A clock at `now`."""
    reading = clock.read(max(now, min(known.fact.at for known in clock.facts if known.fact.kind == "started")))
    return ClockView(
        id=clock.id,
        kind=clock.kind,
        status=reading.status,
        activity=clock.activity,
        due_at=reading.due_at,
        breached_at=reading.breached_at,
        late_seconds=reading.late.total_seconds(),
        elapsed_seconds=reading.elapsed.total_seconds(),
        paused_seconds=reading.paused.total_seconds(),
        remaining_seconds=None if reading.remaining is None else reading.remaining.total_seconds(),
        warnings=[WarningView(percent=warning.percent, at=warning.at) for warning in reading.warnings],
        cycle=reading.cycle,
        generation=clock.generation,
        calendar=Versioned(id=clock.calendar_id, version=clock.calendar_version),
    )


def case_summary(file: CaseFile, now: datetime) -> CaseSummary:
    """A case at `now`."""
    return CaseSummary.model_validate(_shown(file, now))


def case_view(file: CaseFile, timeline: Sequence[Any], now: datetime) -> CaseView:
    """A case at `now` with the rows of its journal."""
    entries = [TimelineEntry.model_validate(row, from_attributes=True) for row in timeline]
    return CaseView.model_validate({**_shown(file, now), "timeline": entries})


def _shown(file: CaseFile, now: datetime) -> dict[str, Any]:
    case = file.case
    paused = case.paused(now)
    computed = {
        "origin": Origin(source=case.origin_source, id=case.origin_id),
        "policy": Versioned(id=case.policy, version=case.policy_version),
        "paused": paused,
        "pause_reason": case.pause_reason if paused else None,
        "paused_until": case.paused_until if paused else None,
        "missing": case.missing,
        "clocks": [clock_view(clock, now) for clock in file.clocks],
    }
    plain = {name: getattr(case, name) for name in CaseSummary.model_fields if name not in computed}
    return {**plain, **computed}
