"""What surveys do with events: plan invitations for what customers did, for what closed_loop asks, take note of who was met, and hear
what customers reply.

Everything has an id that follows from the event's, or is ordered by time, so that an event that comes again changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.personal import sealing
from services.ingest.surveys.domain.people import address_hash, keys_of
from services.ingest.surveys.domain.sampling import Standing, Stratum, chance, wanted
from services.ingest.surveys.domain.timing import days_ago
from services.ingest.surveys.domain.triggers import triggered
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import Candidate, context_of, plan, stratum_of
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.replying import hear
from services.ingest.surveys.requests import cancel, request
from services.ingest.surveys.store.addresses import forget, remember
from services.ingest.surveys.store.invitations import add_invitations, change, find_invitation
from services.ingest.surveys.store.people import asked_by, decide_alone, erase, meet, of_person, write_off
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
GATHER_MILLISECONDS = 250
"""Nobody is asked within the second, and what customers do comes by the thousand."""

MEETINGS = frozenset({"interaction.completed.v1", "customer.purchased.v1", "customer.renewed.v1"})
TRIGGERS = frozenset({*MEETINGS, "customer.churned.v1", "customer.referred.v1"})


@dataclass(slots=True)
class _Samples:
    """The standings of each sampled survey in its present window, as they were, and with what this batch adds."""

    session: AsyncSession
    now: datetime
    known: dict[tuple[str, str], dict[Stratum, Standing]] = field(default_factory=dict)

    async def begin(self, surveys: Iterable[Survey]) -> None:
        """Decide about these samples alone: what another replica asks meanwhile would not be counted."""
        sampled = [f"{one.tenant}\nsample of {one.id}" for one in surveys if one.document.sampling is not None and one.document.triggers]
        await decide_alone(self.session, sampled)

    async def reason(self, survey: Survey, candidate: Candidate) -> str | None:
        """Why this one is passed over by the sample, None when they are wanted."""
        sampling = survey.document.sampling
        if sampling is None:
            return None
        since, key = days_ago(self.now, sampling.window_days, survey.zone), (survey.tenant, survey.id)
        if key not in self.known:
            self.known[key] = await standings(self.session, survey.tenant, survey.id, since)
        here, stratum, keys = self.known[key], stratum_of(survey, candidate), candidate.contact.keys
        drawn = chance(survey.id, candidate.id)
        reason = None
        earlier = of_person(await asked_by(self.session, survey.tenant, survey.id, keys, since), keys)
        if len(earlier) >= sampling.most_per_customer:
            reason = "frequent"
        elif not wanted(stratum, here, sampling.target, sampling.share, sampling.expected_response, drawn):
            reason = "not_sampled"
        was, asked = here.get(stratum, Standing()), reason is None
        here[stratum] = was._replace(base=was.base + 1, asked=was.asked + asked, open=was.open + asked)
        return reason


class SurveysHandler:
    """The shared.kafka.batch.Handler of surveys."""

    def __init__(self, reach: Reach, events: SurveyEvents) -> None:
        self._reach = reach
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
        await self._remember(session, batch)
        await meet(session, [row for event in acting if event.tenant in surveys for row in self._met(event)])
        samples = _Samples(session, now)
        await samples.begin(one for tenant in surveys.values() for one in tenant)
        for event in acting:
            for survey in surveys.get(event.tenant, ()):
                if triggered(survey.document, event):
                    await self._trigger(session, samples, survey, event)
        for event in live:
            match event.type:
                case "survey.requested.v1":
                    await request(session, event, self._reach, self._events, now)
                case "survey.cancelled.v1":
                    await cancel(session, event)
                case "customer.erased.v1":
                    keys = keys_of((one.kind, one.value) for one in event.data.members)
                    await erase(session, event.tenant, keys)
                    await forget(session, event.tenant, keys)
                case "message.delivery_failed.v1":
                    await self._bounced(session, event, now)
        await hear(session, self._reach, self._events, [event for event in live if event.type == "feedback.message_received.v1"], now)

    async def _trigger(self, session: AsyncSession, samples: _Samples, survey: Survey, event: Event) -> None:
        """One event asks one customer once: the invitation's id follows from it, and its revisions have the same."""
        data = event.data
        if data.customer is None:
            return
        id = str(event_hash(f"/surveys/{survey.id}", f"{event.source}\n{event.id}"))
        if await find_invitation(session, event.tenant, id) is not None:
            return
        contact = self._reach.contact(event.tenant, data.customer, data.language)
        candidate = Candidate(id, contact, context_of(data), happened_at=min(event.time, event.receivedat))
        [ways] = await self._reach.ways(session, event.tenant, [contact])
        planned = plan(survey, candidate, ways, samples.now)
        if planned.reason is None:
            planned = plan(survey, candidate, ways, samples.now, passed_over=await samples.reason(survey, candidate))
        await add_invitations(session, [planned])

    async def _bounced(self, session: AsyncSession, event: Event, now: datetime) -> None:
        """The address takes nothing for good; the invitation that came back is failed, unless somebody has answered all the same."""
        if not event.data.permanent:
            return
        hashes = [] if event.data.address_hash is None else [event.data.address_hash]
        invitation = None
        if event.data.invitation is not None:
            invitation = await find_invitation(session, event.tenant, event.data.invitation, lock=True)
        if invitation is not None and (address := await self._reach.address(session, invitation)) is not None:
            hashes.append(address_hash(address))  # what bounced may be where it was forwarded to
        await write_off(session, event.tenant, hashes, reason="bounced", now=now)
        if invitation is None or invitation.answered_at is not None or invitation.state not in ("planned", "sent"):
            return
        failed: dict[str, Any] = {"state": "failed", "reason": "bounced"}
        await change(session, invitation, **failed, next_at=None)
        await enqueue(session, self._events.contact(replace(invitation, **failed), "failed", now))

    def _met(self, event: Event) -> list[dict[str, Any]]:
        """The row of a meeting; none of somebody without a name of any kind, nor of one who leaves."""
        data = event.data
        if event.type not in MEETINGS or data.customer is None:
            return []
        contact = self._reach.contact(event.tenant, data.customer, data.language)
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

    async def _remember(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Keep the sealed addresses that came beside pseudonyms, for tenants that want that now."""
        rows: dict[tuple[str, str, str], tuple[str, datetime]] = {}
        for event, headers in ((one.event, one.headers) for one in batch if not one.event.backfill):
            sealed = next((value for name, value in headers if name == sealing.HEADER), None)
            if sealed is None or self._reach.identities.sealer(event.tenant) is None:
                continue
            at = min(event.time, event.receivedat)
            for key in self._reach.contact(event.tenant, event.data.customer).keys:
                for kind, one in sealing.parts(sealed).items():
                    if (event.tenant, key, kind) not in rows or rows[event.tenant, key, kind][1] <= at:
                        rows[event.tenant, key, kind] = (one, at)
        await remember(session, rows)
