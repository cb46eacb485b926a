"""Mails through a real SMTP server with STARTTLS on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.clock import utc_now
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.mail import Mail, MailSender, MailTarget, SmtpServer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEAM = MailTarget(("team@example.com",))


class Mailbox:
    """Takes mails, answers recipients by the first part of their address when that is a number."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.port = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        local = address.partition("@")[0]
        if local.isdecimal():
            return f"{local} as the test wants"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@asynccontextmanager
async def mail_server(mailbox: Mailbox, certificate: Path | None) -> AsyncIterator[int]:
    """The port of a server that demands STARTTLS when it has a certificate."""
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)

    def protocol() -> Any:
        return SMTP(mailbox, hostname="localhost", tls_context=tls, require_starttls=tls is not None, loop=asyncio.get_running_loop())

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def delivery(mail: Mail, group: str = "g", id: UUID | None = None) -> Delivery:
    return Delivery(
        id=id or uuid4(), tenant="acme", group_key=group, receiver="a", kind="email", sequence=1, body=mail.encode(), state="leased",
        attempt=1, failures=0, created_at=NOW, trying_since=NOW, next_at=NOW,
    )  # fmt: skip


def sender(port: int, certificate: Path | None, encryption: str = "starttls") -> MailSender:
    server = SmtpServer.model_validate({"host": "localhost", "port": port, "sender": "alerts@hearback.example", "encryption": encryption})
    return MailSender(server, utc_now, None if certificate is None else ssl.create_default_context(cafile=str(certificate)))


async def send(port: int, certificate: Path | None, target: MailTarget, encryption: str = "starttls") -> Outcome:
    return await sender(port, certificate, encryption).send(target, delivery(Mail("s", "t")))


async def test_a_mail_goes_out_encrypted_with_the_deliverys_id_and_in_its_groups_thread(certificate: Path) -> None:
    mailbox, id = Mailbox(), uuid4()
    first = delivery(Mail("CSAT 0.61 < 0.70\r\nBcc: everybody@example.com", "客户满意度下降", "<p>客户满意度下降</p>"), id=id)

    async with mail_server(mailbox, certificate) as port:
        mails = sender(port, certificate)
        outcomes = [await mails.send(TEAM, one) for one in (first, delivery(Mail("s", "t")), delivery(Mail("s", "t"), "other"))]

    one, same_group, other_group = mailbox.mails
    assert [outcome.verdict for outcome in outcomes] == [Verdict.DELIVERED] * 3
    assert mailbox.encrypted == [True] * 3
    assert one["Message-ID"] == f"<{id}@hearback.example>"
    assert one["Subject"] == "CSAT 0.61 < 0.70 Bcc: everybody@example.com"
    assert one["Bcc"] is None
    assert one["References"] == same_group["References"] != other_group["References"]
    plain, html = one.get_body(("plain",)), one.get_body(("html",))
    assert plain is not None and plain.get_content() == "客户满意度下降\r\n"
    assert html is not None and html.get_content() == "<p>客户满意度下降</p>\r\n"


@pytest.mark.parametrize(
    ("recipients", "verdict"),
    [
        (("550@example.com",), Verdict.REFUSED),
        (("450@example.com",), Verdict.AGAIN),
        (("550@example.com", "450@example.com"), Verdict.AGAIN),
        (("550@example.com", "team@example.com"), Verdict.DELIVERED),
        (("not an address",), Verdict.REFUSED),
    ],
)
async def test_the_servers_answer_to_the_recipients_decides(certificate: Path, recipients: tuple[str, ...], verdict: Verdict) -> None:
    async with mail_server(Mailbox(), certificate) as port:
        outcome = await send(port, certificate, MailTarget(recipients))

    assert outcome.verdict is verdict, outcome


async def test_nothing_is_sent_in_the_clear_unless_that_is_set(certificate: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port:
        refused = await send(port, certificate, TEAM)
        in_the_clear = await send(port, None, TEAM, "none")

    assert refused.verdict is Verdict.AGAIN
    assert in_the_clear.verdict is Verdict.DELIVERED
    assert mailbox.encrypted == [False]


async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_mail(certificate: Path) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, certificate) as port:
        outcome = await send(port, None, TEAM)

    assert outcome.verdict is Verdict.AGAIN
    assert mailbox.mails == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    assert (await send(1, None, TEAM)).verdict is Verdict.AGAIN
