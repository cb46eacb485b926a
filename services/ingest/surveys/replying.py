"""Answers that come back as messages: read from the feedback topic, beside all that customers say.

The message stays what it is, an event of its own. Where it answers the open question of an invitation that was sent to the same address
and is still open, that invitation's answers get their next revision; where it says no more than stop, its sender is asked no more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.answering import answer, survey_of
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.replies import answered_by, stops
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.rewarding import send_codes
from services.ingest.surveys.schema import survey_invitations, survey_replies
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.people import opt_out
from services.ingest.surveys.store.rewards import reward_of
from services.ingest.surveys.timers import Sending
from shared.contracts.decoding import Event
from shared.contracts.identity import event_hash
from shared.delivery.delivery import NewDelivery
from shared.delivery.store import enqueue_delivery

ANSWERING: dict[str, frozenset[Way]] = {
    "sms": frozenset({"sms"}),
    "messaging": frozenset({"wechat", "chat"}),
    "chat": frozenset({"chat"}),
}
"""By the channel of a message, the ways of the invitations that it may answer."""
CLOCKS_DIFFER = timedelta(seconds=5)
"""Ours and a network's, which may also tell whole seconds only."""


async def hear(session: AsyncSession, reach: Reach, events: SurveyEvents, messages: Sequence[Event], now: datetime) -> None:
    """Take a batch of `feedback.message_received`. Does not commit."""
    heard = [
        (one, reach.contact(one.tenant, one.data.customer).keys)
        for one in messages
        if one.data.customer is not None and one.data.channel in ANSWERING
    ]
    for event, keys in heard:
        if stops(event.data.text, event.data.channel):
            await opt_out(session, event.tenant, keys, via="message", now=now)
    waiting = {(one.tenant, one.id): one for one in await _asked(session, {(one.tenant, key) for one, keys in heard for key in keys})}
    for event, keys in heard:
        mine = [one for one in waiting.values() if _may_answer(event, keys, one)]
        if not mine:
            continue
        latest = max(mine, key=lambda one: (one.sent_at or one.created_at, one.id))
        answered = await _answered(session, events, latest, event, now)
        if answered is not None:
            waiting[answered.tenant, answered.id] = answered
        if answered is not None and answered.finished_at is not None:
            del waiting[answered.tenant, answered.id]


def _may_answer(event: Event, keys: Sequence[str], invitation: Invitation) -> bool:
    """Whether it is the same person, on the channel on which they were asked, and after they were."""
    same = event.tenant == invitation.tenant and not set(keys).isdisjoint(invitation.person_keys)
    return same and invitation.way in ANSWERING[event.data.channel] and event.time > invitation.created_at - CLOCKS_DIFFER


async def reply(session: AsyncSession, events: SurveyEvents, invitation: Invitation, text: str, now: datetime) -> Invitation | None:
    """Take what a customer said as the answer to the open question, None when it is none. The invitation is locked. Does not commit."""
    survey, questions = await survey_of(session, invitation)
    found = answered_by(questions, invitation.given, text)
    return await answer(session, events, survey, invitation, found, now, typed_in=True) if found else None


async def _asked(session: AsyncSession, people: set[tuple[str, str]]) -> list[Invitation]:
    """The invitations with these (tenant, key) that wait for an answer by message, all locked before any is answered."""
    if not people:
        return []
    of = survey_invitations.c
    theirs = of.person_keys.overlap(sa.cast(sorted({key for _, key in people}), of.person_keys.type))
    out = of.state.in_(("planned", "sent")) & ((of.sends > 0) | of.sent_at.is_not(None))
    query = (
        sa.select(survey_invitations)
        .where(theirs, of.tenant.in_({tenant for tenant, _ in people}), of.way.in_({way for ways in ANSWERING.values() for way in ways}))
        .where(out, of.finished_at.is_(None), of.expires_at > sa.func.now())
    )
    rows = await session.execute(query.order_by(of.tenant, of.survey, of.id).with_for_update())
    return [Invitation(**row) for row in rows.mappings()]


async def _answered(session: AsyncSession, events: SurveyEvents, invitation: Invitation, event: Event, now: datetime) -> Invitation | None:
    """The invitation with what this message answers, once however often its event comes; None when it answers nothing."""
    survey, questions = await survey_of(session, invitation)
    if not answered_by(questions, invitation.given, event.data.text):
        return None
    heard = {"tenant": event.tenant, "message": event_hash(event.source, event.id), "invitation": invitation.id, "at": now}
    first = insert(survey_replies).values(heard).on_conflict_do_nothing().returning(survey_replies.c.message)
    if (await session.execute(first)).first() is None:
        return None
    answered = await reply(session, events, invitation, event.data.text, now)
    assert answered is not None
    if answered.way == "sms" and answered.finished_at is not None:
        earned = await reward_of(session, answered)
        if earned is not None and earned.code is not None:
            await send_codes(session, answered.tenant, [answered.id], by="sms")
    elif answered.way == "sms" and survey.document.by_reply:
        await _ask_on(session, answered)
    return answered


async def _ask_on(session: AsyncSession, invitation: Invitation) -> None:
    """Put in the message with the next question."""
    body = msgspec.json.encode(Sending(invitation.id, invitation.revision, about="question"))
    asked: dict[str, Any] = {"receiver": invitation.way, "kind": invitation.way}
    await enqueue_delivery(
        session, NewDelivery(invitation.tenant, f"question:{invitation.id}", **asked, sequence=invitation.revision, body=body)
    )
