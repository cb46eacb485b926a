"""Calendars, targets and clocks as people write them in requests and as they are stored: JSON, read by pydantic."""

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.facts import AgreedDate, BusinessDays, CalendarDays, ClockSpec, OpenTime, Target
from services.closed_loop.domain.hours import Weekday
from shared.contracts.clocks import Percent
from shared.contracts.fields import Instant


def iso_date(value: object) -> object:
    """Refuse what pydantic would take for a timestamp."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise PydanticCustomError("iso_date", "must be a date, YYYY-MM-DD, for example 2026-12-24")
    return value


LocalDate = Annotated[date, BeforeValidator(iso_date)]
WallTime = Annotated[str, Field(max_length=5)]
_WINDOW = {
    "type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2, "maxItems": 2, "examples": [["09:00", "17:00"]],
    "description": "From and to, HH:MM on the wall of the calendar's zone; 24:00 is the end of the day",
}  # fmt: skip
Window = Annotated[tuple[WallTime, WallTime], WithJsonSchema(_WINDOW)]
Windows = Annotated[list[Window], Field(max_length=48)]
TargetSeconds = Annotated[float, Field(strict=True, ge=0.000001, le=1e9, description="Open time of the calendar; kept to the microsecond")]
KEPT = 4096
"""How many different stored documents are kept as read: a policy writes the same ones for all its cases."""
TARGETS = ("target_seconds", "target_business_days", "target_calendar_days", "due_at")


class Body(BaseModel):
    """A part of the request: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")


class CalendarBody(Body):
    """Opening hours. A weekday left out is closed; a special day beats a holiday, and one without windows is closed."""

    zone: Annotated[str, Field(max_length=64, description="IANA time zone")]
    windows: dict[Weekday, Windows]
    holidays: Annotated[list[LocalDate], Field(max_length=5000)] = []
    special_days: Annotated[dict[LocalDate, Windows], Field(max_length=5000)] = {}

    def calendar(self) -> Calendar:
        """The calendar. Raises ClockRefused."""
        return Calendar.from_texts(self.zone, self.windows, self.holidays, self.special_days)


class TargetBody(Body):
    """At most one of four targets, which are never converted into each other."""

    target_seconds: TargetSeconds | None = None
    target_business_days: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    target_calendar_days: Annotated[int, Field(strict=True, ge=1, le=36_600)] | None = None
    due_at: Instant | None = None

    @model_validator(mode="after")
    def one_target(self) -> Self:
        """Refuse two targets."""
        if sum(getattr(self, name) is not None for name in TARGETS) > 1:
            raise PydanticCustomError("targets", f"give only one of {', '.join(TARGETS)}")
        return self

    def target(self) -> Target | None:
        """The target, None where there is no deadline."""
        if self.target_seconds is not None:
            # A double holds every microsecond up to 1e9 seconds, so this rounds to the one that was meant.
            return OpenTime(timedelta(microseconds=round(self.target_seconds * 1_000_000)))
        if self.target_business_days is not None:
            return BusinessDays(self.target_business_days)
        if self.target_calendar_days is not None:
            return CalendarDays(self.target_calendar_days)
        return AgreedDate(self.due_at) if self.due_at is not None else None


class ClockBody(TargetBody):
    """What is asked of the clock. Without any target it has no deadline."""

    warn_at_percent: Annotated[list[Percent], Field(max_length=100)] = []
    retarget: Literal["retroactive", "from_change"] = "retroactive"
    reopen: Literal["continue", "new_cycle"] = "continue"

    def spec(self) -> ClockSpec:
        """The same for the domain."""
        return ClockSpec(self.target(), tuple(sorted(set(self.warn_at_percent))), self.retarget, self.reopen)


@lru_cache(maxsize=KEPT)
def read_target(document: str | None) -> Target | None:
    """The target that `write_target` wrote, from its JSON."""
    return None if document is None else TargetBody.model_validate_json(document).target()


def write_target(target: Target | None) -> dict[str, Any] | None:
    """A target as JSON, in the fields of TargetBody."""
    match target:
        case None:
            return None
        case OpenTime(duration):
            return {"target_seconds": duration / timedelta(seconds=1)}
        case BusinessDays(days):
            return {"target_business_days": days}
        case CalendarDays(days):
            return {"target_calendar_days": days}
        case AgreedDate(due_at):
            return {"due_at": due_at.isoformat()}


@lru_cache(maxsize=KEPT)
def read_spec(document: str) -> ClockSpec:
    """The clock that `write_spec` wrote, from its JSON."""
    return ClockBody.model_validate_json(document).spec()


def write_spec(spec: ClockSpec) -> dict[str, Any]:
    """A clock's spec as JSON, in the fields of ClockBody."""
    rest = {"warn_at_percent": list(spec.warn_at_percent), "retarget": spec.retarget, "reopen": spec.reopen}
    return {**(write_target(spec.target) or {}), **rest}
