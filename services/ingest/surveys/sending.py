"""What shared.delivery asks of surveys: how to reach a customer now, and what an attempt means for the invitation."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.people import address_hash
from services.ingest.surveys.domain.timing import is_quiet, next_allowed
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.messages import Message
from services.ingest.surveys.planning import zone_of
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.saying import Said, said
from services.ingest.surveys.senders import Sender
from services.ingest.surveys.store.invitations import Invitation, Purpose, change, new_tokens
from services.ingest.surveys.store.people import write_off
from services.ingest.surveys.store.surveys import Survey, find_sent
from services.ingest.surveys.timers import Sending, give_up, reminder_at
from shared.database.outbox import enqueue
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.loop import Send
from shared.delivery.mail import MailSender, MailTarget
from shared.delivery.secrets import UnreadableSecret
from shared.delivery.sms import SmsSender
from shared.delivery.wechat import WeChatSender

STOP_WORKS = timedelta(days=365)
"""A link to get no more surveys is good for much longer than the survey."""


class SurveyReceivers:
    """shared.delivery.loop.Receivers. Tokens are made for each attempt, in the transaction before it; only their hashes stay."""

    def __init__(self, reach: Reach, events: SurveyEvents, public_url: str) -> None:
        self._reach = reach
        self._events = events
        self._public_url = public_url.rstrip("/")

    async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
        """How to send it now; None when the customer is not to be written to any more. Raises UnreadableSecret."""
        sending = msgspec.json.decode(delivery.body, type=Sending)
        found = await find_sent(session, delivery.tenant, sending.invitation)
        if found is None:
            return None
        invitation, survey, company, now = found
        address = await self._reach.address(session, invitation)
        if address is None or await self._against(session, invitation, survey, sending, now) is not None:
            return None
        zone, quiet = zone_of(invitation.reached, survey), survey.document.quiet
        asked_for = sending.about in ("code", "question")  # the customer has just answered, and waits
        if is_quiet(now, zone, quiet) and not asked_for:  # it was held up until the night
            return _waits((next_allowed(now, zone, quiet) - now).total_seconds())
        senders = (await self._reach.senders.of(session, invitation.tenant)).by_way
        if invitation.way not in senders:
            return None
        sender = senders[invitation.way]
        if sender is None:
            raise UnreadableSecret("the secret of this tenant's sender cannot be read")
        purposes: dict[Purpose, datetime] = {"unsubscribe": invitation.expires_at + STOP_WORKS}
        if sending.about != "survey":
            words, [stop] = await said(session, invitation, sending), await new_tokens(session, invitation, purposes)
            return None if words is None else _say(sender, address, words, company, f"{self._public_url}/u/{stop}")
        stop, token = await new_tokens(session, invitation, {**purposes, "answer": invitation.expires_at})
        message = Message(survey, invitation, company, self._public_url, token, stop)
        return _send(sender, address, message, reminder=sending.number > 1)

    async def _against(self, session: AsyncSession, invitation: Invitation, survey: Survey, sending: Sending, now: datetime) -> str | None:
        """Why not to send it after all."""
        if sending.about == "code":
            return None
        if sending.about != "survey":
            return (await self._reach.unwanted(session, invitation.tenant, [invitation])).get(invitation.id)
        if invitation.state not in ("planned", "sent"):
            return invitation.state
        return await self._reach.against(session, invitation, survey, now)

    async def attempted(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
        """The first message that arrives makes the invitation sent; one that never will makes it failed. Both are events."""
        sending = msgspec.json.decode(delivery.body, type=Sending)
        found = await find_sent(session, delivery.tenant, sending.invitation, lock=True)
        if found is None:
            return
        invitation, survey, _, now = found
        if outcome.address_is_dead and (address := await self._reach.address(session, invitation)) is not None:
            await write_off(session, invitation.tenant, [address_hash(address)], reason=outcome.detail, now=now)
        if sending.about != "survey":
            return
        if outcome.verdict is Verdict.DELIVERED:
            await self._arrived(session, invitation, survey, now)
        elif delivery.state == "dead" and invitation.state == "planned":
            reason = None if outcome.address_is_dead else await self._reach.against(session, invitation, survey, now)
            if reason is not None:
                await give_up(session, self._events, invitation, reason, now)
            else:
                await self._failed(session, invitation, outcome, now)

    async def _failed(self, session: AsyncSession, invitation: Invitation, outcome: Outcome, now: datetime) -> None:
        failed: dict[str, Any] = {"state": "failed", "reason": outcome.detail}
        await change(session, invitation, **failed, next_at=None)
        await enqueue(session, self._events.contact(replace(invitation, **failed), "failed", now))

    async def _arrived(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> None:
        first = invitation.sent_at is None
        state = "sent" if invitation.state == "planned" else invitation.state
        following = reminder_at(invitation, survey, now)
        await change(session, invitation, state=state, sent_at=invitation.sent_at or now, next_at=following)
        if first:
            await enqueue(session, self._events.contact(invitation, "sent", now))


def _waits(seconds: float) -> Send:
    """Sends nothing before so many seconds have passed."""

    async def wait(_: Delivery) -> Outcome:
        return Outcome(Verdict.AGAIN, "it is night where the customer is", retry_after_seconds=seconds)

    return wait


def _say(sender: Sender, address: str, words: Said, company: str, stop: str) -> Send | None:
    async def say(delivery: Delivery) -> Outcome:
        if isinstance(sender, SmsSender):
            return await sender.send(address, words.text, delivery)
        assert isinstance(sender, MailSender)
        return await sender.send(MailTarget((address,)), replace(delivery, body=words.mail(company, stop).encode()))

    return None if isinstance(sender, WeChatSender) else say


def _send(sender: Sender, address: str, message: Message, *, reminder: bool) -> Send:
    async def send(delivery: Delivery) -> Outcome:
        match sender:
            case MailSender():
                return await sender.send(MailTarget((address,)), replace(delivery, body=message.mail(reminder=reminder).encode()))
            case SmsSender():
                return await sender.send(address, message.sms(), delivery)
            case WeChatSender():
                return await sender.send(address, message.url, message.in_short(), delivery)

    return send
