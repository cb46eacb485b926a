"""By what a tenant's messages go out: senders of its own, else those of the installation. Nobody sends by another tenant's."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.store.senders import StoredSender, senders_of
from shared.clock import Clock
from shared.delivery.guard import GuardedNetwork
from shared.delivery.mail import MailSender, SmtpServer
from shared.delivery.secrets import SecretBox, UnreadableSecret
from shared.delivery.sms import SmsGateway, SmsSender
from shared.delivery.wechat import WeChatAccount, WeChatSender

Sender = MailSender | SmsSender | WeChatSender
FORMS: Mapping[Way, type[SmtpServer | SmsGateway | WeChatAccount]] = {"email": SmtpServer, "sms": SmsGateway, "wechat": WeChatAccount}
SECRET: Mapping[Way, str] = {"email": "password", "sms": "token", "wechat": "secret"}
"""The field of each form that is sealed."""


class Pace(NamedTuple):
    """Whose sender it is, empty for the installation's, and how many messages a second it takes."""

    owner: str
    per_second: float


@dataclass(frozen=True, slots=True)
class Senders:
    """Those that one tenant can use; None for one of its own whose secret cannot be opened at present."""

    by_way: Mapping[Way, Sender | None] = field(default_factory=dict)
    paces: Mapping[Way, Pace] = field(default_factory=dict)

    @property
    def ways(self) -> frozenset[Way]:
        """The ways by which an invitation can go out, or be called for; what is given out by hand needs nothing."""
        return frozenset({"call", *self.by_way})

    def pace(self, way: Way) -> Pace:
        """Of the sender of this way; any, where there is none any more and nothing will be sent."""
        return self.paces.get(way, Pace("", 1000.0))


class TenantsSenders:
    """The senders of all tenants, made when they are first needed and again when they were changed; `stack` closes them."""

    def __init__(self, installation: Senders, box: SecretBox | None, network: GuardedNetwork, clock: Clock, stack: AsyncExitStack) -> None:
        self._installation = installation
        self._box = box
        self._network = network
        self._clock = clock
        self._stack = stack
        self._made: dict[tuple[str, Way], tuple[StoredSender, Sender]] = {}

    async def of(self, session: AsyncSession, tenant: str) -> Senders:
        """A tenant's. Where one of its own cannot be opened, nothing is sent by another instead."""
        by_way, paces = dict(self._installation.by_way), dict(self._installation.paces)
        for stored in await senders_of(session, tenant):
            by_way[stored.way], paces[stored.way] = self._sender(stored), Pace(tenant, stored.per_second)
        return Senders(by_way, paces)

    def _sender(self, stored: StoredSender) -> Sender | None:
        known = self._made.get((stored.tenant, stored.way))
        if known is not None and known[0] == stored:
            return known[1]
        try:
            made = self._make(stored)
        except UnreadableSecret:
            return None
        self._made[stored.tenant, stored.way] = (stored, made)
        return made

    def _make(self, stored: StoredSender) -> Sender:
        if self._box is None:
            raise UnreadableSecret("a tenant's sender cannot be read: HEARBACK_INGEST_SECRETS_KEY is not set")
        settings = FORMS[stored.way].model_validate({**stored.settings, **json.loads(self._box.open(stored.sealed))})
        match settings:
            case SmtpServer():
                return MailSender(settings, self._clock, network=self._network)
            case SmsGateway():
                text = SmsSender(settings, self._network)
                self._stack.push_async_callback(text.close)
                return text
            case WeChatAccount():
                template = WeChatSender(settings, self._network)
                self._stack.push_async_callback(template.close)
                return template


def parted(way: Way, form: BaseModel) -> tuple[dict[str, Any], str]:
    """What of a sender may be shown, and its secret as JSON, to be sealed."""
    shown = form.model_dump(mode="json", exclude={SECRET[way]})
    secret = getattr(form, SECRET[way])
    return shown, json.dumps({SECRET[way]: None if secret is None else secret.get_secret_value()})
