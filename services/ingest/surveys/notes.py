"""Telling respondents later what was changed because of what they said: only those who answered, by mail, and never who opted out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.api import Admin
from services.ingest.surveys.domain.questions import Lang, Texts
from services.ingest.surveys.schema import survey_invitations, survey_notes
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.surveys import find_survey
from services.ingest.surveys.timers import Sending
from shared.clock import Clock
from shared.database.audit import record_change
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.database.timers import TimerLoop, TimerMetrics, wake
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_delivery
from shared.settings import DatabaseSettings
from shared.web.problems import not_found

CHANNEL = "hearback_survey_notes"
AT_ONCE = 200


class NewNote(BaseModel):
    """What was changed: a heading and a text, in the same languages."""

    model_config = ConfigDict(extra="forbid")

    subject: Texts
    text: Texts

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if self.subject.keys() != self.text.keys():
            raise ValueError("write subject and text in the same languages")
        return self


class NoteView(BaseModel):
    """A note, on its way to everybody who answered."""

    number: int
    created_at: datetime


def note_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """The route of notes."""
    router = APIRouter(tags=["surveys"])

    @router.post("/v1/surveys/{survey_id}/notes", status_code=202, summary="Tell those who answered what was changed")
    async def create(caller: Admin, survey_id: str, note: NewNote) -> NoteView:
        now, texts = clock(), note.model_dump(mode="json")
        mine = (survey_notes.c.tenant == caller.tenant, survey_notes.c.survey == survey_id)
        with typed_database_errors():
            async with sessions.begin() as session:
                if await find_survey(session, caller.tenant, survey_id, lock=True) is None:
                    raise not_found()
                number = (
                    await session.execute(sa.select(sa.func.coalesce(sa.func.max(survey_notes.c.number), 0)).where(*mine))
                ).scalar_one() + 1
                row = {"tenant": caller.tenant, "survey": survey_id, "number": number, "texts": texts, "created_at": now,
                       "told_up_to": "", "next_at": now}  # fmt: skip
                await session.execute(sa.insert(survey_notes).values(row))
                await record_change(session, tenant=caller.tenant, at=now, actor=caller.actor, action="create",
                                    changed=f"survey-note:{survey_id}:{number}", before=None, after=texts)  # fmt: skip
                await wake(session, CHANNEL)
        return NoteView(number=number, created_at=now)

    return router


@dataclass(frozen=True, slots=True)
class NoteTimers:
    """The shared.database.timers.Due of notes: some people at a time, each once."""

    metrics: TimerMetrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next part of a note is due."""
        earliest: datetime | None = (await session.execute(sa.select(sa.func.min(survey_notes.c.next_at)))).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Put in the mails of the next respondents. Does not commit."""
        query = sa.select(survey_notes, sa.func.now().label("present")).where(survey_notes.c.next_at <= sa.func.now())
        note = (await session.execute(query.order_by(survey_notes.c.next_at).limit(1).with_for_update(skip_locked=True))).one_or_none()
        if note is None:
            return 0
        of = survey_invitations.c
        respondents = (
            sa.select(of.id)
            .where(of.tenant == note.tenant, of.survey == note.survey, of.id > note.told_up_to)
            .where(of.answered_at <= note.created_at, of.way == "email")
            .order_by(of.id)
            .limit(min(limit, AT_ONCE))
        )
        ids = (await session.execute(respondents)).scalars().all()
        for id in ids:
            body = msgspec.json.encode(Sending(id, note.number, about="note"))
            await enqueue_delivery(session, NewDelivery(note.tenant, f"note:{note.number}:{id}", "email", "email", 1, body))
        mine = (survey_notes.c.tenant == note.tenant, survey_notes.c.survey == note.survey, survey_notes.c.number == note.number)
        left = {"told_up_to": ids[-1], "next_at": note.next_at} if ids else {"next_at": None}
        await session.execute(sa.update(survey_notes).where(*mine).values(left))
        self.metrics.fired(note.next_at, note.present)
        return 1


def note_loop(database: DatabaseSettings, sessions: Sessions, metrics: TimerMetrics) -> TimerLoop:
    """The loop that fires them."""
    return TimerLoop("survey notes", database, sessions, CHANNEL, NoteTimers(metrics), metrics, at_once=AT_ONCE)


async def note_of(session: AsyncSession, invitation: Invitation, number: int) -> tuple[Lang, str, str] | None:
    """Language, subject and text of a note for one respondent, in their language where it is written in it."""
    mine = (survey_notes.c.tenant == invitation.tenant, survey_notes.c.survey == invitation.survey, survey_notes.c.number == number)
    texts = (await session.execute(sa.select(survey_notes.c.texts).where(*mine))).scalar_one_or_none()
    if texts is None:
        return None
    note = NewNote.model_validate(texts)
    language: Lang = invitation.language if invitation.language in note.text else next(iter(note.text))
    return language, note.subject[language], note.text[language]
