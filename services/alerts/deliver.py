"""What shared.delivery asks of alerts: where a receiver is and how to send to it, and what an attempt means for alerts."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.receiver import WebhookReceiver
from services.alerts.receivers import opened
from services.alerts.store.alerts import alerts_by_id, announce
from services.alerts.store.groups import told_by
from services.alerts.store.receivers import find_receiver, mark_broken
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.loop import Send
from shared.delivery.mail import MailSender, MailTarget
from shared.delivery.secrets import SecretBox
from shared.delivery.webhook import WebhookSender, WebhookTarget, signing_key


class AlertReceivers:
    """shared.delivery.loop.Receivers. Without a mail sender mails are refused, visibly."""

    def __init__(self, box: SecretBox | None, webhooks: WebhookSender, mails: MailSender | None) -> None:
        self._box = box
        self._webhooks = webhooks
        self._mails = mails

    async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
        """How to send it as its receiver is now. Raises UnreadableSecret."""
        stored = await find_receiver(session, delivery.tenant, delivery.receiver)
        if stored is None or stored.deleted or stored.receiver.kind != delivery.kind:
            return None
        receiver = stored.receiver
        if isinstance(receiver, WebhookReceiver):
            target = WebhookTarget(receiver.url, tuple(signing_key(secret) for secret in opened(self._box, stored)))

            async def post(delivery: Delivery) -> Outcome:
                return await self._webhooks.send(target, delivery)

            return post
        mails, to = self._mails, MailTarget(tuple(receiver.to))
        if mails is None:
            return _no_mail_server

        async def write(delivery: Delivery) -> Outcome:
            return await mails.send(to, delivery)

        return write

    async def attempted(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
        """A delivery that arrived is an event of each of its alerts; a refused one marks the receiver as broken."""
        if delivery.state == "dead" and delivery.dead_because == "refused":
            await mark_broken(session, delivery.tenant, delivery.receiver, outcome.detail)
        if outcome.verdict is not Verdict.DELIVERED:
            return
        await mark_broken(session, delivery.tenant, delivery.receiver, None)
        alerts = await alerts_by_id(session, await told_by(session, delivery.id))
        now = (await session.execute(text("SELECT now()"))).scalar_one()
        actors = {alert.id: f"receiver:{delivery.receiver}" for alert in alerts}
        await announce(session, "notified", alerts, actors, at=now, about=delivery.id)


async def _no_mail_server(_: Delivery) -> Outcome:
    return Outcome(Verdict.REFUSED, "no mail server is set: HEARBACK_ALERTS_SMTP__HOST")
