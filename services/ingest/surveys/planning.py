"""From somebody who may be asked to the row that asks them. Whoever is passed over gets a row too: the base of every sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.ingest.surveys.domain.definition import GIVEN_OUT, Way
from services.ingest.surveys.domain.people import Contact, language_for, way_for
from services.ingest.surveys.domain.sampling import Stratum
from services.ingest.surveys.domain.timing import ask_at, next_allowed
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.surveys import Survey

CONTEXT = ("touchpoint", "journey_stage", "product", "region", "team", "agent", "interaction_id")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may be asked: `id` becomes the invitation's. Without `happened_at` they are asked as soon as they may be."""

    id: str
    contact: Contact
    context: Mapping[str, Any] = field(default_factory=dict)
    happened_at: datetime | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    case: str | None = None
    period: str | None = None
    reminders: int | None = None
    way: Way | None = None


def context_of(data: Any) -> dict[str, Any]:
    """What of an event's data every event about its survey repeats."""
    found = {name: getattr(data, name) for name in CONTEXT}
    return {name: value for name, value in found.items() if value is not None}


def zone_of(contact: Contact, survey: Survey) -> ZoneInfo:
    """The customer's zone; the tenant's, where theirs is unknown to us or to this machine."""
    try:
        return ZoneInfo(contact.zone) if contact.zone else survey.zone
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return survey.zone


def stratum_of(survey: Survey, candidate: Candidate) -> Stratum:
    """Where somebody counts in this survey's samples."""
    of = {"segment": candidate.contact.segment, "region": candidate.context.get("region"), "product": candidate.context.get("product")}
    return Stratum(**{name: (value or "") if name in survey.document.strata else "" for name, value in of.items()})


def plan(survey: Survey, candidate: Candidate, possible: frozenset[Way], now: datetime, *, passed_over: str | None = None) -> Invitation:
    """The invitation, to be sent at its `next_at`, or passed over for a reason: nothing `possible` reaches the customer, it is too late,
    or the one given."""
    document, contact = survey.document, candidate.contact
    given_out = candidate.way in GIVEN_OUT
    way = candidate.way if given_out else way_for(contact, (candidate.way,) if candidate.way else document.ways, possible)
    zone = zone_of(contact, survey)
    if candidate.happened_at is not None:
        at = ask_at(candidate.happened_at, document.earliest_hours, document.latest_hours, now, zone, document.quiet)
    else:
        at = next_allowed(max(now, candidate.not_before or now), zone, document.quiet)
    expires_at = candidate.expires_at or (at or now) + timedelta(days=document.expires_days)
    reason = passed_over or ("no_way" if way is None else "too_late" if at is None or at >= expires_at else None)
    keys = contact.keys
    return Invitation(
        tenant=survey.tenant, id=candidate.id, survey=survey.id, version=survey.version, mode=document.mode,
        state="planned" if reason is None else "passed_over", reason=reason, case_id=candidate.case,
        person=keys[0] if keys else None, person_keys=keys, contact=contact.model_dump(exclude_none=True), context=dict(candidate.context),
        place=None, **stratum_of(survey, candidate)._asdict(), period=candidate.period,
        way=way or candidate.way or document.ways[0], language=language_for(contact.language, document.languages),
        sends=0, reminders=document.reminders if candidate.reminders is None else candidate.reminders,
        next_at=at if reason is None else None, created_at=now, expires_at=expires_at, sent_at=None, opened_at=None, answered_at=None,
        finished_at=None, revision=0, given={}, flags=(),
    )  # fmt: skip
