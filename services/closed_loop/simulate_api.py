"""`POST /v1/clocks/simulate`: what a clock would say, from a calendar, a target and facts that are all in the request. Stores nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.clock import evaluate
from services.closed_loop.domain.documents import TARGETS, Body, CalendarBody, ClockBody, TargetBody
from services.closed_loop.domain.explanation import Why, explain
from services.closed_loop.domain.facts import Fact, FactKind
from services.closed_loop.domain.reading import ClockReading, Status
from services.closed_loop.domain.refusals import ClockRefused, Loc
from shared.contracts.fields import Instant, Name
from shared.errors import FieldError
from shared.web.access import Principal, requires
from shared.web.problems import Problem

EXPLANATION_LIMIT = 20_000
"""Stretches; about 30 years of weekdays from nine to five."""

Reader = Annotated[Principal, Depends(requires("cases:read"))]


_EXAMPLE: dict[str, Any] = {
    "calendar": {
        "zone": "Europe/Berlin",
        "windows": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "holidays": ["2026-04-03", "2026-04-06"],
        "special_days": {"2026-12-24": [["09:00", "12:00"]]},
    },
    "clock": {"target_seconds": 7200, "warn_at_percent": [50, 75]},
    "facts": [
        {"at": "2026-04-02T16:00:00+02:00", "kind": "started"},
        {"at": "2026-04-02T16:30:00+02:00", "kind": "paused", "reason": "waiting_on_customer"},
        {"at": "2026-04-07T09:30:00+02:00", "kind": "resumed"},
    ],
    "as_of": "2026-04-07T10:00:00+02:00",
}


class FactBody(TargetBody):
    """Something that happened to the clock. A target belongs to `retargeted`, which needs one."""

    at: Instant
    kind: FactKind
    reason: Name | None = None

    @model_validator(mode="after")
    def target_when_retargeted(self) -> Self:
        """Refuse a target where it would be ignored, and its absence where it is meant."""
        if (self.target() is not None) != (self.kind == "retargeted"):
            raise PydanticCustomError("targets", f"a fact of kind retargeted, and no other, has one of {', '.join(TARGETS)}")
        return self

    def fact(self) -> Fact:
        """The same for the domain."""
        return Fact(self.at, self.kind, self.target(), self.reason)


class Simulation(Body):
    """Everything that a clock's reading depends on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    calendar: CalendarBody
    clock: ClockBody
    facts: Annotated[list[FactBody], Field(max_length=1000)]
    as_of: Instant


class WarningView(BaseModel):
    """A warning and its instant, which may be yet to come."""

    percent: int
    at: datetime


class CycleView(BaseModel):
    """A finished cycle, from a start or reopening to a stop; `met` is null where there is no deadline."""

    started_at: datetime
    stopped_at: datetime
    elapsed_seconds: float
    met: bool | None


class ExplainedView(BaseModel):
    """A stretch of the clock's active time. `paused` is time that would have counted."""

    start: Annotated[datetime, Field(serialization_alias="from")]
    end: Annotated[datetime, Field(serialization_alias="to")]
    counted_seconds: float
    why: Why


class ReadingView(BaseModel):
    """The clock at `as_of`. Seconds are open time of the calendar, never wall time; `remaining_seconds` is null without a due."""

    status: Status
    due_at: datetime | None
    breached_at: datetime | None
    late_seconds: float
    elapsed_seconds: float
    paused_seconds: float
    remaining_seconds: float | None
    warnings: list[WarningView]
    cycles: list[CycleView]
    explanation: list[ExplainedView]


def simulate(request: Simulation) -> ReadingView:
    """The answer to a simulation. Raises Problem 422, whose kind is the refusal's."""
    with refused_at("body", "calendar"):
        calendar = request.calendar.calendar()
    with refused_at("body"):
        reading = evaluate(calendar, request.clock.spec(), [fact.fact() for fact in request.facts], request.as_of)
        return _view(reading, calendar)


@contextmanager
def refused_at(*loc: str | int) -> Iterator[None]:
    """Turn a ClockRefused into Problem 422; `loc` leads to the part of the request that it is about."""
    try:
        yield
    except ClockRefused as refused:
        where: Loc = (*loc, *refused.loc)
        raise Problem(422, refused.kind, str(refused), errors=[FieldError(where, str(refused))]) from None


def clock_routes() -> APIRouter:
    """Routes of the clock arithmetic."""
    router = APIRouter(prefix="/v1/clocks", tags=["clocks"])

    # Not `async`: long calendars take milliseconds to compute, which a thread can spend without holding up other requests.
    @router.post("/simulate", summary="What a clock says at an instant, and why")
    def simulate_clock(_: Reader, request: Simulation) -> ReadingView:
        return simulate(request)

    return router


def _view(reading: ClockReading, calendar: Calendar) -> ReadingView:
    return ReadingView(
        status=reading.status,
        due_at=reading.due_at,
        breached_at=reading.breached_at,
        late_seconds=reading.late.total_seconds(),
        elapsed_seconds=reading.elapsed.total_seconds(),
        paused_seconds=reading.paused.total_seconds(),
        remaining_seconds=None if reading.remaining is None else reading.remaining.total_seconds(),
        warnings=[WarningView(percent=warning.percent, at=warning.at) for warning in reading.warnings],
        cycles=[
            CycleView(
                started_at=cycle.started_at, stopped_at=cycle.stopped_at, elapsed_seconds=cycle.elapsed.total_seconds(), met=cycle.met
            )
            for cycle in reading.cycles
        ],
        explanation=[
            ExplainedView(start=part.start, end=part.end, counted_seconds=part.counted.total_seconds(), why=part.why)
            for part in explain(calendar, reading.active, EXPLANATION_LIMIT)
        ],
    )
