"""What shared.delivery asks of surveys: how to reach a customer now, and what an attempt means for the invitation."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.people import address_of
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.messages import Message
from services.ingest.surveys.notes import note_mail
from services.ingest.surveys.pages.survey_page import company_of
from services.ingest.surveys.store.invitations import CHANNEL, Invitation, change, find_invitation, new_token
from services.ingest.surveys.store.people import opted_out
from services.ingest.surveys.store.surveys import Survey, find_survey
from services.ingest.surveys.timers import Sending, reminder_at
from shared.database.outbox import enqueue
from shared.database.timers import wake
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.loop import Send
from shared.delivery.mail import MailSender, MailTarget
from shared.delivery.sms import SmsSender
from shared.delivery.wechat import WeChatSender

STOP_WORKS = timedelta(days=365)
"""A link to get no more surveys is good for much longer than the survey."""


@dataclass(frozen=True, slots=True)
class Senders:
    """Those that this installation has."""

    mail: MailSender | None = None
    sms: SmsSender | None = None
    wechat: WeChatSender | None = None

    @property
    def ways(self) -> frozenset[Way]:
        """The ways by which an invitation can go out; calls and links need nothing."""
        sending: dict[Way, object] = {"email": self.mail, "sms": self.sms, "wechat": self.wechat}
        return frozenset({"call", "link", *(way for way, sender in sending.items() if sender is not None)})


class SurveyReceivers:
    """shared.delivery.loop.Receivers. Tokens are made for each attempt, in the transaction before it; only their hashes stay."""

    def __init__(self, senders: Senders, events: SurveyEvents, public_url: str) -> None:
        self._senders = senders
        self._events = events
        self._public_url = public_url.rstrip("/")

    async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
        """How to send it now; None when the customer is not to be written to any more."""
        sending = msgspec.json.decode(delivery.body, type=Sending)
        invitation = await find_invitation(session, delivery.tenant, sending.invitation)
        if invitation is None or not await self._wanted(session, invitation, sending):
            return None
        address = address_of(invitation.reached, invitation.way)
        survey = await find_survey(session, invitation.tenant, invitation.survey, invitation.version)
        if address is None or survey is None:
            return None
        stop = await new_token(session, invitation, "unsubscribe", invitation.expires_at + STOP_WORKS)
        company = await company_of(session, invitation.tenant)
        if sending.note:
            return await self._note(session, invitation, sending, company, stop, address)
        token = await new_token(session, invitation, "answer")
        message = Message(survey, invitation, company, self._public_url, token, stop)
        return self._send(invitation.way, address, message, sending)

    async def _wanted(self, session: AsyncSession, invitation: Invitation, sending: Sending) -> bool:
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        if await opted_out(session, invitation.tenant, invitation.person_keys):
            return False
        return sending.note or (invitation.state in ("planned", "sent") and invitation.finished_at is None and invitation.expires_at > now)

    def _send(self, way: Way, address: str, message: Message, sending: Sending) -> Send | None:
        senders = self._senders

        async def by_mail(delivery: Delivery) -> Outcome:
            assert senders.mail is not None
            letter = message.mail(reminder=sending.number > 1).encode()
            return await senders.mail.send(MailTarget((address,)), replace(delivery, body=letter))

        async def by_sms(delivery: Delivery) -> Outcome:
            assert senders.sms is not None
            return await senders.sms.send(address, message.sms(), delivery)

        async def by_wechat(delivery: Delivery) -> Outcome:
            assert senders.wechat is not None
            return await senders.wechat.send(address, message.url, {"title": message.title, "company": message.company}, delivery)

        found: dict[Way, Send] = {"email": by_mail, "sms": by_sms, "wechat": by_wechat}
        return found[way] if way in senders.ways and way in found else None

    async def _note(
        self, session: AsyncSession, invitation: Invitation, sending: Sending, company: str, stop: str, address: str
    ) -> Send | None:
        mails = self._senders.mail
        letter = await note_mail(session, invitation, sending.number, company, f"{self._public_url}/u/{stop}")
        if mails is None or letter is None:
            return None

        async def tell(delivery: Delivery) -> Outcome:
            return await mails.send(MailTarget((address,)), replace(delivery, body=letter.encode()))

        return tell

    async def attempted(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
        """The first message that arrives makes the invitation sent; one that never will makes it failed. Both are events."""
        sending = msgspec.json.decode(delivery.body, type=Sending)
        if sending.note:
            return
        invitation = await find_invitation(session, delivery.tenant, sending.invitation, lock=True)
        if invitation is None:
            return
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        if outcome.verdict is Verdict.DELIVERED:
            survey = await find_survey(session, invitation.tenant, invitation.survey, invitation.version)
            assert survey is not None
            await self._arrived(session, invitation, survey, now)
        elif delivery.state == "dead" and invitation.state == "planned":
            invitation = replace(invitation, state="failed", reason=outcome.detail)
            await change(session, invitation, state="failed", reason=outcome.detail, next_at=None)
            await enqueue(session, self._events.contact(invitation, "failed", now))

    async def _arrived(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> None:
        first = invitation.sent_at is None
        state = "sent" if invitation.state == "planned" else invitation.state
        following = reminder_at(invitation, survey, now)
        await change(session, invitation, state=state, sent_at=invitation.sent_at or now, next_at=following)
        await wake(session, CHANNEL)
        if first:
            await enqueue(session, self._events.contact(invitation, "sent", now))
