"""When a planned invitation or a reminder is due: sent, moved out of the night, or given up. The rows are the timers."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.timing import is_quiet, next_allowed
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import zone_of
from services.ingest.surveys.schema import survey_invitations
from services.ingest.surveys.store.invitations import CHANNEL, Invitation, change
from services.ingest.surveys.store.people import asked_lately, opted_out
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
    note: bool = False


@dataclass(frozen=True, slots=True)
class InvitationTimers:
    """The shared.database.timers.Due of invitations."""

    events: SurveyEvents
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
        surveys: dict[tuple[str, str, int], Survey] = {}
        due = [(Invitation(**{name: row[name] for name in Invitation.__dataclass_fields__}), row["present"]) for row in rows]
        for invitation, now in sorted(due, key=lambda one: (one[0].tenant, one[0].person or "", one[0].id)):  # one order of locks
            key = (invitation.tenant, invitation.survey, invitation.version)
            if key not in surveys:
                found = await find_survey(session, *key)
                assert found is not None
                surveys[key] = found
            await self._send(session, invitation, surveys[key], now)
            assert invitation.next_at is not None
            self.metrics.fired(invitation.next_at, now)
        return len(due)

    async def _send(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> None:
        first = invitation.state == "planned"
        zone = zone_of(invitation.reached, survey)
        if is_quiet(now, zone, survey.document.quiet):
            await change(session, invitation, next_at=next_allowed(now, zone, survey.document.quiet))
            return
        reason = await self._against(session, invitation, survey, now, first=first)
        if reason is not None:
            given_up: dict[str, Any] = {"state": "passed_over", "reason": reason} if first else {}
            await change(session, invitation, next_at=None, **given_up)
            if first and invitation.case_id is not None:  # closed_loop waits for an answer: it hears that there will be none
                await enqueue(session, self.events.contact(replace(invitation, **given_up), "failed", now))
            return
        if invitation.way == "call":
            await change(session, invitation, next_at=None, state="sent", sent_at=now, sends=1)
            await enqueue(session, self.events.contact(invitation, "sent", now))
            return
        number = invitation.sends + 1
        await change(session, invitation, next_at=None, sends=number)
        body = msgspec.json.encode(Sending(invitation.id, number))
        await enqueue_delivery(
            session, NewDelivery(invitation.tenant, f"invitation:{invitation.id}", invitation.way, invitation.way, number, body)
        )

    async def _against(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime, *, first: bool) -> str | None:
        """Why this person is not written to."""
        if invitation.expires_at <= now:
            return "expired"
        if invitation.finished_at is not None:
            return "answered"
        if await opted_out(session, invitation.tenant, invitation.person_keys):
            return "opted_out"
        days = survey.document.fatigue_days
        if first and invitation.mode != "follow_up" and days and invitation.person is not None:
            lately = await asked_lately(session, invitation.tenant, invitation.person, invitation.id, days)
            return "asked_lately" if lately else None
        return None


def reminder_at(invitation: Invitation, survey: Survey, now: datetime) -> datetime | None:
    """When to remind after a message that was sent now; None when nothing more follows."""
    at = now + timedelta(hours=survey.document.reminder_hours)
    wanted = invitation.sends <= invitation.reminders and at < invitation.expires_at and invitation.finished_at is None
    return next_allowed(at, zone_of(invitation.reached, survey), survey.document.quiet) if wanted else None


def invitation_loop(database: DatabaseSettings, sessions: Sessions, events: SurveyEvents, metrics: TimerMetrics) -> TimerLoop:
    """The loop that fires them."""
    return TimerLoop("survey invitations", database, sessions, CHANNEL, InvitationTimers(events, metrics), metrics, at_once=AT_ONCE)
