"""What surveys do with events: plan invitations for what customers did, for what closed_loop asks, and take note of who was met.

Everything has an id that follows from the event's, or is ordered by time, so that an event that comes again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.people import contact_of, keys_of
from services.ingest.surveys.domain.sampling import Standing, Stratum, chance, wanted
from services.ingest.surveys.domain.triggers import triggered
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import Candidate, context_of, plan
from services.ingest.surveys.requests import cancel, request
from services.ingest.surveys.schema import survey_invitations
from services.ingest.surveys.store.invitations import add_invitations, change, find_invitation
from services.ingest.surveys.store.people import erase, meet
from services.ingest.surveys.store.results import standings
from services.ingest.surveys.store.surveys import Survey, active_surveys
from shared.contracts.decoding import Event, decode
from shared.contracts.identity import event_hash
from shared.contracts.topics import CUSTOMERS_EVENTS, FEEDBACK_EVENTS, SURVEYS_REQUESTS
from shared.database.outbox import enqueue
from shared.kafka.batch import Received

GROUP = "ingest-surveys"
LIVE = (FEEDBACK_EVENTS, SURVEYS_REQUESTS, CUSTOMERS_EVENTS)
BATCH = 500

MEETINGS = frozenset({"interaction.completed.v1", "customer.purchased.v1", "customer.renewed.v1"})
TRIGGERS = frozenset({*MEETINGS, "customer.churned.v1", "customer.referred.v1"})


@dataclass(slots=True)
class _Samples:
    """The standings of each sampled survey in its present window, as they were, and with what this batch adds."""

    session: AsyncSession
    now: datetime
    known: dict[tuple[str, str], dict[Stratum, Standing]] = field(default_factory=dict)

    async def reason(self, survey: Survey, candidate: Candidate, stratum: Stratum) -> str | None:
        """Why this one is passed over by the sample, None when they are wanted."""
        sampling = survey.document.sampling
        if sampling is None:
            return None
        since = self.now - timedelta(days=sampling.window_days)
        key = (survey.tenant, survey.id)
        if key not in self.known:
            self.known[key] = await standings(self.session, survey.tenant, survey.id, since)
        here = self.known[key]
        chosen = wanted(stratum, here, sampling.target, sampling.share, chance(survey.id, candidate.id))
        was = here.get(stratum, Standing(0, 0, 0))
        here[stratum] = was._replace(base=was.base + 1, asked=was.asked + chosen)
        if not chosen:
            return "not_sampled"
        person = next(iter(candidate.contact.keys), None)
        times = 0 if person is None else await _asked(self.session, survey, person, since)
        return "frequent" if times >= sampling.most_per_customer else None


async def _asked(session: AsyncSession, survey: Survey, person: str, since: datetime) -> int:
    of = survey_invitations.c
    mine = (
        of.tenant == survey.tenant,
        of.survey == survey.id,
        of.person == person,
        of.created_at >= since,
        of.state.in_(("planned", "sent")),
    )
    return (await session.execute(sa.select(sa.func.count()).where(*mine))).scalar_one()


class SurveysHandler:
    """The shared.kafka.batch.Handler of surveys. `ways` are those that this installation can send by."""

    def __init__(self, ways: frozenset[Way], events: SurveyEvents) -> None:
        self._ways = ways
        self._events = events

    def read(self, value: bytes | None) -> Event:
        """The event in a record. Raises InvalidEvent."""
        return decode(value)

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Act on a batch. Never commits. What comes from backfill asks nobody."""
        live = [one.event for one in batch if not one.event.backfill]
        acting = [event for event in live if event.type in TRIGGERS]
        surveys = await active_surveys(session, {event.tenant for event in acting}) if acting else {}
        now = (await session.execute(sa.text("SELECT now()"))).scalar_one()
        await meet(session, [row for event in acting if event.tenant in surveys for row in _met(event)])
        samples = _Samples(session, now)
        for event in acting:
            for survey in surveys.get(event.tenant, ()):
                if triggered(survey.document, event):
                    await self._trigger(session, samples, survey, event)
        for event in live:
            match event.type:
                case "survey.requested.v1":
                    await request(session, event, self._ways, self._events, now)
                case "survey.cancelled.v1":
                    await cancel(session, event)
                case "customer.erased.v1":
                    await erase(session, event.tenant, keys_of((one.kind, one.value) for one in event.data.members))
                case "message.delivery_failed.v1":
                    await self._bounced(session, event, now)

    async def _trigger(self, session: AsyncSession, samples: _Samples, survey: Survey, event: Event) -> None:
        """One event asks one customer once: the invitation's id follows from it, and its revisions have the same."""
        data = event.data
        if data.customer is None:
            return
        id = str(event_hash(f"/surveys/{survey.id}", f"{event.source}\n{event.id}"))
        if await find_invitation(session, event.tenant, id) is not None:
            return
        candidate = Candidate(
            id, contact_of(data.customer, data.language), context_of(data), data.customer.segment or "", min(event.time, event.receivedat)
        )
        planned = plan(survey, candidate, self._ways, samples.now)
        if planned.reason is None:
            reason = await samples.reason(survey, candidate, planned.stratum)
            planned = plan(survey, candidate, self._ways, samples.now, passed_over=reason)
        await add_invitations(session, [planned])

    async def _bounced(self, session: AsyncSession, event: Event, now: datetime) -> None:
        """The invitation came back for good: it is failed, unless somebody has answered all the same."""
        if event.data.invitation is None or not event.data.permanent:
            return
        invitation = await find_invitation(session, event.tenant, event.data.invitation, lock=True)
        if invitation is None or invitation.answered_at is not None or invitation.state not in ("planned", "sent"):
            return
        failed: dict[str, Any] = {"state": "failed", "reason": "bounced"}
        await change(session, invitation, **failed, next_at=None)
        await enqueue(session, self._events.contact(replace(invitation, **failed), "failed", now))


def _met(event: Event) -> list[dict[str, Any]]:
    """The row of a meeting; none of somebody without a name of any kind, nor of one who leaves."""
    data = event.data
    if event.type not in MEETINGS or data.customer is None:
        return []
    contact = contact_of(data.customer, data.language)
    if not contact.keys:
        return []
    return [
        {
            "tenant": event.tenant,
            "person": contact.keys[0],
            "touchpoint": data.touchpoint or "",
            "contact": contact.model_dump(exclude_none=True),
            "segment": data.customer.segment or "",
            "region": data.region or "",
            "product": data.product or "",
            "last_at": min(event.time, event.receivedat),
        }
    ]
