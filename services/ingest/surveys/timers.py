"""When a planned invitation or a reminder is due: sent, moved out of the night, or given up. The rows are the timers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.timing import days_ago, is_quiet, next_allowed
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import zone_of
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.schema import survey_invitations
from services.ingest.surveys.senders import Pace
from services.ingest.surveys.store.invitations import CHANNEL, Invitation, change
from services.ingest.surveys.store.pace import instants
from services.ingest.surveys.store.people import asked_lately, decide_alone
from services.ingest.surveys.store.surveys import Survey, find_survey
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.timers import TimerLoop, TimerMetrics
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_delivery
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
        due = [(Invitation(**{name: row[name] for name in Invitation.__dataclass_fields__}), row["present"]) for row in rows]
        await decide_alone(session, {f"{one.tenant}\n{key}" for one, _ in due for key in one.person_keys})
        surveys: dict[tuple[str, str, int], Survey] = {}
        going: dict[tuple[str, Way], list[Invitation]] = {}
        for invitation, now in sorted(due, key=lambda one: (one[0].tenant, one[0].id)):
            key = (invitation.tenant, invitation.survey, invitation.version)
            if key not in surveys:
                found = await find_survey(session, *key)
                assert found is not None
                surveys[key] = found
            if await self._goes(session, invitation, surveys[key], now):
                going.setdefault((invitation.tenant, invitation.way), []).append(invitation)
            assert invitation.next_at is not None
            self.metrics.fired(invitation.next_at, now)
        await self._hand_over(session, going)
        return len(due)

    async def _goes(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> bool:
        """Whether it is to be sent now; if not, the invitation says when or why not, and a call is on its list."""
        first = invitation.state == "planned"
        zone = zone_of(invitation.reached, survey)
        if is_quiet(now, zone, survey.document.quiet):
            await change(session, invitation, next_at=next_allowed(now, zone, survey.document.quiet))
            return False
        reason = await self.reach.against(session, invitation, survey, now) or (
            await self._lately(session, invitation, survey, now) if first else None
        )
        if reason is not None:
            await give_up(session, self.events, invitation, reason, now)
            return False
        if invitation.way == "call":
            await change(session, invitation, next_at=None, state="sent", sent_at=now, sends=1)
            await enqueue(session, self.events.contact(invitation, "sent", now))
            return False
        await change(session, invitation, next_at=None, sends=invitation.sends + 1)
        return True

    async def _lately(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> str | None:
        days = survey.document.fatigue_days
        if invitation.mode == "follow_up" or not days or not invitation.person_keys:
            return None
        since = days_ago(now, days, survey.zone)
        return "asked_lately" if await asked_lately(session, invitation.tenant, invitation.person_keys, invitation.id, since) else None

    async def _hand_over(self, session: AsyncSession, going: Mapping[tuple[str, Way], Sequence[Invitation]]) -> None:
        """Deliveries, as fast as their senders take them."""
        by_sender: dict[tuple[Pace, Way], list[Invitation]] = {}
        for (tenant, way), invitations in going.items():
            pace = (await self.reach.senders.of(session, tenant)).pace(way)
            by_sender.setdefault((pace, way), []).extend(invitations)
        for (pace, way), invitations in sorted(by_sender.items(), key=lambda item: item[0]):  # one order of locks
            times = await instants(session, pace.owner, way, pace.per_second, len(invitations))
            for invitation, at in zip(invitations, times, strict=True):
                number = invitation.sends + 1
                body = msgspec.json.encode(Sending(invitation.id, number))
                new = NewDelivery(invitation.tenant, f"invitation:{invitation.id}", way, way, number, body)
                await enqueue_delivery(session, new, at)


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
