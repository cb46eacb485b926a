"""When a planned invitation or a reminder is due: sent, moved out of the night, or given up. The rows are the timers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.timing import days_ago, is_quiet, next_allowed
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import zone_of
from services.ingest.surveys.reach import Reach, over
from services.ingest.surveys.schema import survey_invitations
from services.ingest.surveys.senders import Pace
from services.ingest.surveys.store.invitations import CHANNEL, Invitation, change, sending
from services.ingest.surveys.store.pace import instants
from services.ingest.surveys.store.people import ByKey, asked_lately, decide_alone, of_person
from services.ingest.surveys.store.surveys import Survey, find_survey
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.timers import TimerLoop, TimerMetrics
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_deliveries
from shared.settings import DatabaseSettings

AT_ONCE = 200

_EARLIEST = sa.select(sa.func.min(survey_invitations.c.next_at))


class Sending(msgspec.Struct, frozen=True):
    """The body of a delivery. Address, words and token are found when it is sent, so that none of them lies in a table of messages."""

    invitation: str
    number: int
    about: Literal["survey", "note", "code", "question"] = "survey"


@dataclass(frozen=True, slots=True)
class InvitationTimers:
    """The shared.database.timers.Due of invitations."""

    events: SurveyEvents
    reach: Reach
    metrics: TimerMetrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next one is due."""
        earliest: datetime | None = (await session.execute(_EARLIEST)).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Send what is due. Does not commit."""
        of = survey_invitations.c
        query = sa.select(survey_invitations, sa.func.now().label("present")).where(of.next_at <= sa.func.now()).order_by(of.next_at)
        rows = (await session.execute(query.limit(min(limit, AT_ONCE)).with_for_update(skip_locked=True))).mappings().all()
        due = [Invitation(**{name: row[name] for name in Invitation.__dataclass_fields__}) for row in rows]
        if not due:
            return 0
        now: datetime = rows[0]["present"]
        await decide_alone(session, {f"{one.tenant}\n{key}" for one in due for key in one.person_keys})
        going: dict[tuple[str, Way], list[Invitation]] = {}
        for tenant, theirs in groupby(sorted(due, key=lambda one: (one.tenant, one.id)), key=lambda one: one.tenant):
            for invitation in await self._go(session, tenant, list(theirs), now):
                going.setdefault((tenant, invitation.way), []).append(invitation)
        for invitation in due:
            assert invitation.next_at is not None
            self.metrics.fired(invitation.next_at, now)
        await self._hand_over(session, going)
        return len(due)

    async def _go(self, session: AsyncSession, tenant: str, due: Sequence[Invitation], now: datetime) -> list[Invitation]:
        """Those of a tenant's that are to be sent now; the others say when or why not, and a call is on its list."""
        surveys: dict[tuple[str, int], Survey] = {}
        for id, version in {(one.survey, one.version) for one in due}:
            found = await find_survey(session, tenant, id, version)
            assert found is not None
            surveys[id, version] = found
        unwanted = await self.reach.unwanted(session, tenant, due)
        lately = _Lately(session, tenant, due, now)
        going = []
        for invitation in due:
            survey = surveys[invitation.survey, invitation.version]
            zone, quiet = zone_of(invitation.reached, survey), survey.document.quiet
            if is_quiet(now, zone, quiet):
                await change(session, invitation, next_at=next_allowed(now, zone, quiet))
                continue
            reason = over(invitation, survey, now) or unwanted.get(invitation.id) or await lately.reason(invitation, survey)
            if reason is not None:
                await give_up(session, self.events, invitation, reason, now)
                continue
            lately.asking(invitation)
            if invitation.way == "call":
                await change(session, invitation, next_at=None, state="sent", sent_at=now, sends=1)
                await enqueue(session, self.events.contact(invitation, "sent", now))
            else:
                going.append(invitation)
        await sending(session, tenant, [one.id for one in going])
        return going

    async def _hand_over(self, session: AsyncSession, going: Mapping[tuple[str, Way], Sequence[Invitation]]) -> None:
        """Deliveries, as fast as their senders take them."""
        by_sender: dict[tuple[Pace, Way], list[Invitation]] = {}
        for (tenant, way), invitations in going.items():
            pace = (await self.reach.senders.of(session, tenant)).pace(way)
            by_sender.setdefault((pace, way), []).extend(invitations)
        for (pace, way), invitations in sorted(by_sender.items(), key=lambda item: item[0]):  # one order of locks
            times = await instants(session, pace.owner, way, pace.per_second, len(invitations))
            await enqueue_deliveries(session, [(_delivery(one), at) for one, at in zip(invitations, times, strict=True)])


def _delivery(invitation: Invitation) -> NewDelivery:
    number, way = invitation.sends + 1, invitation.way
    return NewDelivery(
        invitation.tenant, f"invitation:{invitation.id}", way, way, number, msgspec.json.encode(Sending(invitation.id, number))
    )


@dataclass(slots=True)
class _Lately:
    """Who was asked lately of those whose first message is due, as it was, and with those whom this batch asks."""

    session: AsyncSession
    tenant: str
    due: Sequence[Invitation]
    now: datetime
    known: dict[datetime, ByKey] = field(default_factory=dict)
    going: dict[str, set[str]] = field(default_factory=dict)

    async def reason(self, invitation: Invitation, survey: Survey) -> str | None:
        """Why not to ask this person again so soon; a follow-up and a reminder always may."""
        days = survey.document.fatigue_days
        if invitation.state != "planned" or invitation.mode == "follow_up" or not days:
            return None
        since = days_ago(self.now, days, survey.zone)
        if since not in self.known:
            keys = (key for one in self.due for key in one.person_keys)
            self.known[since] = await asked_lately(self.session, self.tenant, keys, since)
        asked = of_person(self.known[since], invitation.person_keys) | of_person(self.going, invitation.person_keys)
        return "asked_lately" if asked - {invitation.id} else None

    def asking(self, invitation: Invitation) -> None:
        """This one gets a message now."""
        if invitation.state == "planned":
            for key in invitation.person_keys:
                self.going.setdefault(key, set()).add(invitation.id)


async def give_up(session: AsyncSession, events: SurveyEvents, invitation: Invitation, reason: str, now: datetime) -> None:
    """Send nothing more. Who was never written to is passed over, and closed_loop, where it waits for an answer, hears of it."""
    if invitation.state != "planned":
        await change(session, invitation, next_at=None)
        return
    given_up: dict[str, Any] = {"state": "passed_over", "reason": reason}
    await change(session, invitation, next_at=None, **given_up)
    if invitation.case_id is not None:
        await enqueue(session, events.contact(replace(invitation, **given_up), "failed", now))


def reminder_at(invitation: Invitation, survey: Survey, now: datetime) -> datetime | None:
    """When to remind after a message that was sent now; None when nothing more follows."""
    at = now + timedelta(hours=survey.document.reminder_hours)
    wanted = invitation.sends <= invitation.reminders and at < invitation.expires_at and invitation.finished_at is None
    return next_allowed(at, zone_of(invitation.reached, survey), survey.document.quiet) if wanted else None


def invitation_loop(database: DatabaseSettings, sessions: Sessions, events: SurveyEvents, reach: Reach, metrics: TimerMetrics) -> TimerLoop:
    """The loop that fires them."""
    timers = InvitationTimers(events, reach, metrics)
    return TimerLoop("survey invitations", database, sessions, CHANNEL, timers, metrics, at_once=AT_ONCE)
