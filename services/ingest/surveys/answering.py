"""What happens when a page is opened or an answer comes: load, decide, save, outbox. One transaction each, at the edge."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from math import inf

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.answers import Given, next_question
from services.ingest.surveys.domain.definition import block_for
from services.ingest.surveys.domain.flags import flags
from services.ingest.surveys.domain.questions import Question
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.rewarding import reward
from services.ingest.surveys.store.invitations import Invitation, change
from services.ingest.surveys.store.surveys import Survey, find_survey
from shared.database.outbox import enqueue


async def survey_of(session: AsyncSession, invitation: Invitation) -> tuple[Survey, tuple[Question, ...]]:
    """The survey in the version that was sent, and the questions that this customer is asked."""
    survey = await find_survey(session, invitation.tenant, invitation.survey, invitation.version)
    assert survey is not None  # a foreign key
    return survey, block_for(survey.document, invitation.number)


async def opened(session: AsyncSession, events: SurveyEvents, invitation: Invitation, now: datetime) -> Invitation:
    """A person saw the page, or answered; the invitation is locked. Who walked in was not asked, and opens nothing. Does not commit."""
    if invitation.opened_at is not None or invitation.place is not None:
        return invitation
    invitation = replace(invitation, opened_at=now)
    await change(session, invitation, opened_at=now)
    await enqueue(session, events.contact(invitation, "opened", now))
    return invitation


async def answer(
    session: AsyncSession,
    events: SurveyEvents,
    survey: Survey,
    invitation: Invitation,
    sent: Mapping[str, Given | None],
    now: datetime,
    *,
    typed_in: bool = False,
) -> Invitation:
    """Save answers by question, None for one that was passed over; the invitation is locked. The same again changes nothing.

    Who has answered everything is reminded no more, and gets what was promised. Of answers that somebody else typed in, or that came as
    messages, the pace says nothing. Does not commit.
    """
    invitation = await opened(session, events, invitation, now)
    given = {**invitation.given, **events.redacted(invitation.tenant, sent)}
    if given == dict(invitation.given):
        return invitation
    questions = block_for(survey.document, invitation.number)
    finished = invitation.finished_at or (now if next_question(questions, given) == len(questions) else None)
    said = {name: one for name, one in given.items() if one is not None}
    began = invitation.answered_at
    seconds = inf if typed_in or began is None else (now - began).total_seconds()
    found = flags(questions, said, seconds) if finished == now else tuple(invitation.flags)
    changed = {
        "given": given,
        "revision": invitation.revision + 1,
        "answered_at": began or (now if said else None),
        "finished_at": finished,
        "flags": list(found),
        "next_at": None if finished else invitation.next_at,
    }
    await change(session, invitation, **changed)
    invitation = replace(invitation, **changed)  # type: ignore[arg-type]
    await enqueue(session, events.answered(invitation, questions, now))
    if finished and said:
        await reward(session, events, survey.document, invitation, now)
    return invitation
