"""E-mail over the mail server that the operator has set. Mails of one group hang together in the reader's mailbox."""

import re
import ssl
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import blake2b
from typing import Literal

import aiosmtplib
import msgspec
from pydantic import BaseModel, SecretStr

from shared.clock import Clock
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.guard import GuardedNetwork, RefusedAddress
from shared.delivery.mail_headers import CASE_HEADER, INVITATION_HEADER, for_relay
from shared.delivery.tls import trusted

_ENHANCED = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")
_DEAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4"})
"""No such mailbox or domain, moved away, disabled (RFC 3463, RFC 7505). Anything else may be about us, the mail, or a full mailbox."""
_DEAD_ALONE = (550, 551, 553)
"""What says the same of a recipient where the server has no finer code (RFC 5321, 4.2.3)."""


class SmtpServer(BaseModel):
    """The mail server. The operator's may well be in a private network and is not guarded."""

    model_config = {"frozen": True}

    host: str
    port: int = 587
    sender: str
    """The address that mails come from; its domain also names their ids."""
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None


class Mail(msgspec.Struct, frozen=True):
    """The body of an e-mail's delivery. The text says all that the HTML says.

    `unsubscribe` is an address where a POST alone ends such mails (RFC 8058); `sender_name` stands beside the sender's address.
    `case` and `invitation` say what the mail is about, in headers that a mail server sends back with what it could not deliver.
    """

    subject: str
    text: str
    html: str | None = None
    unsubscribe: str | None = None
    sender_name: str | None = None
    case: str | None = None
    invitation: str | None = None

    def encode(self) -> bytes:
        """As `NewDelivery.body` holds it."""
        return msgspec.json.encode(self)


@dataclass(frozen=True, slots=True)
class MailTarget:
    """Whom to write to."""

    to: tuple[str, ...]


class MailSender:
    """Sends deliveries as mails. The mail server's answer to all recipients decides; its id is the delivery's."""

    def __init__(self, server: SmtpServer, clock: Clock, tls: ssl.SSLContext | None = None, network: GuardedNetwork | None = None) -> None:
        """`network` guards a server that is not the operator's choice."""
        self._server = server
        self._network = network
        self._domain = server.sender.rpartition("@")[2]
        self._clock = clock
        self._tls = tls or trusted("smtp")

    async def send(self, target: MailTarget, delivery: Delivery) -> Outcome:
        """One attempt, without a limit in time of its own."""
        try:
            message = self.message(target, delivery)
        except (ValueError, msgspec.DecodeError) as invalid:
            return Outcome(Verdict.REFUSED, f"no mail can be made of this: {type(invalid).__name__}")
        try:
            refused, _ = await self._hand_over(message, target)
        except aiosmtplib.SMTPRecipientsRefused as all_refused:
            mildest = min(all_refused.recipients, key=lambda one: one.code)
            return _answered(mildest.code, dead=all(_is_dead(one.code, one.message) for one in all_refused.recipients))
        except aiosmtplib.SMTPDataError as answer:
            return _answered(answer.code)
        except RefusedAddress as refused_address:
            return Outcome(Verdict.AGAIN, f"the mail server: {refused_address}")
        except (aiosmtplib.SMTPException, OSError) as failed:  # also what it has against us: password, sender, encryption
            return Outcome(Verdict.AGAIN, f"the mail server: {type(failed).__name__}", getattr(failed, "code", None))
        if refused:
            return Outcome(Verdict.DELIVERED, f"taken, but not for {len(refused)} of {len(target.to)} recipients", 250)
        return Outcome(Verdict.DELIVERED, "taken by the mail server", 250)

    async def _hand_over(self, message: EmailMessage, target: MailTarget) -> tuple[dict[str, aiosmtplib.SMTPResponse], str]:
        password = self._server.password
        guarded = None if self._network is None else await self._network.connect(self._server.host, self._server.port)
        return await aiosmtplib.send(
            message,
            sender=self._server.sender,
            recipients=list(target.to),
            hostname=self._server.host,
            port=self._server.port if guarded is None else None,
            sock=guarded,
            username=self._server.username,
            password=None if password is None else password.get_secret_value(),
            use_tls=self._server.encryption == "tls",
            start_tls=self._server.encryption == "starttls",
            tls_context=None if self._server.encryption == "none" else self._tls,
            local_hostname=self._domain,
            timeout=None,
        )

    def message(self, target: MailTarget, delivery: Delivery) -> EmailMessage:
        """The mail. Raises ValueError (also msgspec's DecodeError) when the body or a recipient is none."""
        mail = msgspec.json.decode(delivery.body, type=Mail)
        group = blake2b(f"{delivery.tenant}\n{delivery.group_key}\n{delivery.receiver}".encode(), digest_size=16).hexdigest()
        message = EmailMessage()
        message["Message-ID"] = f"<{delivery.id}@{self._domain}>"
        message["In-Reply-To"] = message["References"] = f"<{group}@{self._domain}>"
        message["Date"] = format_datetime(self._clock())
        message["From"] = Address(_one_line(mail.sender_name or ""), addr_spec=self._server.sender)
        message["To"] = [Address(addr_spec=recipient) for recipient in target.to]
        message["Subject"] = _one_line(mail.subject)
        message["Auto-Submitted"] = "auto-generated"
        named = ((CASE_HEADER, mail.case), (INVITATION_HEADER, mail.invitation))
        about = {header: _one_line(id) for header, id in named if id is not None}
        for header, value in (about | for_relay(self._server.host, about)).items():
            message[header] = value
        if mail.unsubscribe is not None:
            message["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
        return message


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _answered(code: int, *, dead: bool = False) -> Outcome:
    """What a reply to recipients or to the mail means (RFC 5321, 4.2.1): 5xx is for good, all else comes again."""
    verdict = Verdict.REFUSED if 500 <= code < 600 else Verdict.AGAIN
    return Outcome(verdict, f"the mail server answered {code}", code, address_is_dead=dead)


def _is_dead(code: int, message: str) -> bool:
    finer = _ENHANCED.search(message)
    return code in _DEAD_ALONE if finer is None else finer[0] in _DEAD_ADDRESS
