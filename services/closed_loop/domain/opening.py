"""Opening a case: which policy it runs under, when it was received, which clocks start."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.closed_loop.domain.calendar import ALWAYS_OPEN, Calendar
from services.closed_loop.domain.case import Case, CaseFile, case_id, clock_id
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.domain.decisions import Decision, conclude
from services.closed_loop.domain.facts import Fact
from services.closed_loop.domain.policy import DEFAULT_POLICIES, PolicySet, Traits

STARTED = "received"
"""The id of the fact that starts a clock; there is one."""


@dataclass(frozen=True, slots=True)
class VersionedCalendar:
    """A calendar and the version that a clock names."""

    id: str
    version: int
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Configuration:
    """What holds for a tenant now: its policies with their version, and its calendars by id."""

    policies: PolicySet
    version: int
    calendars: Mapping[str, VersionedCalendar]


DEFAULT_CALENDARS = {"24x7": VersionedCalendar("24x7", 1, ALWAYS_OPEN)}
DEFAULT_CONFIGURATION = Configuration(DEFAULT_POLICIES, 1, DEFAULT_CALENDARS)


@dataclass(frozen=True, slots=True)
class NewCase:
    """What a case is made of. `received` is an instant, or a date alone, which begins at 00:00 in the zone of the policy's calendar."""

    tenant: str
    origin_source: str
    origin_id: str
    traits: Traits
    received: datetime | date
    customer: str | None = None
    team: str | None = None
    owner: str | None = None
    backfill: bool = False


def open_case(new: NewCase, configuration: Configuration, now: datetime) -> Decision:
    """The new case with its clocks running since it was received, which is never later than `now`.

    A case from history is silent. Raises ClockRefused when a calendar of its policy never reaches a target.
    """
    policy = configuration.policies.policy_for(new.traits)
    received_at = received_instant(new.received, configuration.calendars[policy.calendar].calendar, now)
    traits = new.traits
    case = Case(
        tenant=new.tenant,
        id=case_id(new.tenant, new.origin_source, new.origin_id),
        origin_source=new.origin_source,
        origin_id=new.origin_id,
        kind=traits.kind,
        state="received",
        version=0,
        sequence=0,
        backfill=new.backfill,
        silent=new.backfill,
        customer=new.customer,
        channel=traits.channel,
        category=traits.category,
        severity=traits.severity,
        segment=traits.segment,
        product=traits.product,
        region=traits.region,
        language=traits.language,
        team=new.team,
        owner=new.owner,
        received_at=received_at,
        opened_at=now,
        policy=policy.id,
        policy_version=configuration.version,
        closes_with=policy.closes_with,
    )
    clocks = []
    for wanted in policy.clocks:
        calendar = configuration.calendars[wanted.calendar or policy.calendar]
        clock = CaseClock(
            clock_id(case.id, wanted.kind), wanted.kind, wanted.spec_for(traits), calendar.id, calendar.version, calendar.calendar, ()
        )
        clocks.append(clock.with_fact(STARTED, Fact(received_at, "started")))
    draft = CaseFile(case, tuple(clocks))
    return conclude(draft, draft, now, change="opened")


def received_instant(received: datetime | date, calendar: Calendar, now: datetime) -> datetime:
    """When the clocks start: what is dated in the future counts from now."""
    instant = received if isinstance(received, datetime) else calendar.start_of(received)
    return min(instant, now)
