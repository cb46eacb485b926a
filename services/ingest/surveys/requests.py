"""What closed_loop asks for: survey this customer about their case, or no longer. The request's id is the invitation's."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.templates import TEMPLATES
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.planning import Candidate, plan
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.store.invitations import add_invitations, change, find_invitation
from services.ingest.surveys.store.surveys import Survey, find_survey, save_survey
from shared.contracts.decoding import Event
from shared.database.outbox import enqueue
from shared.errors import FieldError, InvalidEvent

FOLLOW_UP = "follow-up"
"""The survey that follow-ups are asked with where a tenant has defined none: made from the template when it is first wanted."""


async def request(session: AsyncSession, event: Event, reach: Reach, events: SurveyEvents, now: datetime) -> None:
    """Plan the invitation; a request that came before changes nothing. Does not commit.

    Raises InvalidEvent for a survey that does not exist: the request is set aside, and works when it is replayed after the survey is made.
    """
    wanted = event.data
    survey = await _survey(session, event.tenant, wanted.survey, now)
    if survey is None:
        raise InvalidEvent(
            "unknown_survey", [FieldError(("data", "survey"), "is no survey of this tenant; make it, then replay this record")]
        )
    contact = reach.contact(event.tenant, wanted.customer, wanted.language)
    candidate = Candidate(
        wanted.request, contact, not_before=wanted.not_before, expires_at=wanted.expires,
        case=wanted.case, reminders=wanted.reminders,
    )  # fmt: skip
    [ways] = await reach.ways(session, event.tenant, [contact])
    planned = plan(survey, candidate, ways, now)
    added = await add_invitations(session, [planned])
    if added and planned.state == "passed_over":  # closed_loop waits for an answer: it hears that there will be none
        await enqueue(session, events.contact(planned, "failed", now))


async def cancel(session: AsyncSession, event: Event) -> None:
    """What was not sent is not sent any more, and nobody is reminded. Does not commit.

    A request is always before its cancellation on its partition, so there is nothing to remember for later.
    """
    invitation = await find_invitation(session, event.tenant, event.data.request, lock=True)
    if invitation is None:
        return
    if invitation.state == "planned":
        await change(session, invitation, state="cancelled", reason=event.data.reason, next_at=None)
    else:
        await change(session, invitation, next_at=None)


async def _survey(session: AsyncSession, tenant: str, id: str, now: datetime) -> Survey | None:
    found = await find_survey(session, tenant, id)
    if found is not None or id != FOLLOW_UP:
        return found
    template: SurveyDocument = TEMPLATES["follow_up"]
    return await save_survey(session, tenant, id, template, new=True, actor="service:ingest", now=now)
