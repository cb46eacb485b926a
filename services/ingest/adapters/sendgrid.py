"""SendGrid: mails received (Inbound Parse, a multipart form: its fields or, in raw mode, the whole mail), and what became of mails sent.

Inbound Parse is not signed; the Event Webhook is, with ECDSA over timestamp and body, where that is switched on.
https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event, /getting-started-event-webhook-security-features
"""

import hashlib
import re
from typing import Annotated

from pydantic import Field, field_validator

from services.ingest.adapters.adapter import Adapter, Endpoint, Outcome, Request, Unreadable
from services.ingest.adapters.forms import parts
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.mail import Mails, Received, about, failures, found_in, message_id
from services.ingest.adapters.mime import Failed, Headers, Mail, headers_in, headers_of, in_charset, mail_in
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.pem import ec_public_key
from services.ingest.adapters.proofs import prove
from services.ingest.adapters.schemes import Ecdsa, SchemeSecrets
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

_SPAM = 5.0
"""SpamAssassin's own limit."""
_PASSED = re.compile(r"@([a-z0-9.-]+)\s*:\s*pass", re.IGNORECASE)
_SIGNED = Ecdsa(
    header="X-Twilio-Email-Event-Webhook-Signature",
    algorithm="sha256",
    written="base64",
    timestamp_header="X-Twilio-Email-Event-Webhook-Timestamp",
    fresh_seconds=90_000,  # SendGrid sends again for a day
)
_FAILED = ("bounce", "dropped", "spamreport")
_UNREACHABLE = ("Bounced Address", "Invalid", "Unsubscribed Address", "Spam Reporting Address")
"""Why SendGrid drops a mail, where the next one would be dropped as well."""


class Secrets(TokenSecrets):
    """The token behind both URLs, and the key that the Event Webhook is signed with."""

    verification_key: Annotated[
        str | None,
        Field(max_length=1024, description="Settings, Mail Settings, Event Webhooks, Security features: the verification key"),
    ] = None

    @field_validator("verification_key")
    @classmethod
    def is_a_key(cls, value: str | None) -> str | None:
        """Refused when it is set, not when it is used."""
        if value is not None:
            ec_public_key(value)
        return value


def receive(request: Request, endpoint: Endpoint[Secrets, Mails]) -> Outcome:
    """One mail: known by its Message-ID, without one by its content; or a batch of what became of mails of ours."""
    check_sent_token(request, endpoint.secrets)
    if not request.headers.get("content-type", "").strip().lower().startswith("multipart/form-data"):
        return _fates(request, endpoint)
    fields = dict(reversed(parts(request)))
    score = Node(fields.get("spam_score", b"").decode("latin-1"), "spam_score").number()
    if score is not None and score >= _SPAM and not endpoint.options.take_spam:
        return Outcome(passed_over={"spam": 1})
    mail = mail_in(fields["email"]) if "email" in fields else _mail(fields)
    sender = next(iter(mail.headers.addresses("from")), None)
    if sender is None:
        raise Unreadable("the mail should have a sender in its headers or in the field from")
    authentic = sender[1].rpartition("@")[2].lower() in _domains(fields.get("dkim", b"").decode("latin-1"))
    id = message_id(mail.headers) or _digest(mail)
    return gathered(found_in(Received(mail, id, request.at, authentic=authentic), endpoint.options, endpoint.zone))


def _mail(fields: dict[str, bytes]) -> Mail:
    charsets = _charsets(fields.get("charsets"))

    def text(name: str) -> str | None:
        return in_charset(fields[name], charsets.get(name)) if name in fields else None

    headers = headers_in(text("headers") or "")
    # What the headers lack, the fields beside them say.
    told = headers_of((name, value) for name in ("from", "to", "subject") if headers.first(name) is None and (value := text(name)))
    return Mail(Headers([*headers.fields, *told.fields]), text("text"), text("html"))


def _charsets(field: bytes | None) -> dict[str, str]:
    """The character set of each field; without them everything is UTF-8."""
    named = json_body(field) if field else Node(None)
    return {name: charset for name, node in named.members() if (charset := node.text(64))}


def _domains(dkim: str) -> set[str]:
    """The domains whose signature holds, from "{@example.com : pass}"."""
    return {found[1].lower() for found in _PASSED.finditer(dkim[:2000])}


def _digest(mail: Mail) -> str:
    content = "\n".join([*(f"{name}: {value}" for name, value in mail.headers.fields), mail.text or "", mail.html or ""])
    return "sha256:" + hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()


def _fates(request: Request, endpoint: Endpoint[Secrets, Mails]) -> Outcome:
    keys = [SchemeSecrets(secret=secrets.verification_key) for secrets in endpoint.secrets if secrets.verification_key]
    if keys:
        prove(request, _SIGNED, keys)
    return gathered(found for event in json_body(request.body) for found in _fate(event))


def _fate(event: Node) -> list[Found]:
    """A mail that did not arrive, or was reported as spam. SendGrid tries again by itself what was only deferred."""
    kind, reason = event["event"].text(), event["reason"].text(64)
    if kind not in _FAILED:
        return ["other_event"]
    match kind:
        case "bounce":  # "blocked" is a refusal for now; the reason is the server's own words, in which the address may stand
            failed = Failed(event["email"].email(), event["status"].text(32), event["type"].text() != "blocked")
        case "dropped":
            failed = Failed(event["email"].email(), reason if reason in _UNREACHABLE else "dropped", reason in _UNREACHABLE)
        case _:
            failed = Failed(event["email"].email(), "Complaint", permanent=True)
    at = event["timestamp"].epoch() or event["timestamp"].wrong("a time since 1970")
    return [*failures(event["sg_event_id"].required_id(), at, [failed], about(event))] or ["delivery_status"]


ADAPTER = Adapter(
    name="sendgrid",
    title="SendGrid",
    secrets=Secrets,
    options=Mails,
    receive=receive,
    unsigned_body=True,
    setup=(
        "Point the MX record of a subdomain, for example parse.example.org, to mx.sendgrid.net",
        "In SendGrid open Settings, Inbound Parse, Add Host & URL: that subdomain, and {url}?token=<the token of this endpoint>",
        "Check POST the raw, full MIME message, so that mails which did not arrive are told apart from what customers write",
        "For mails of ours that did not arrive: Settings, Mail Settings, Event Webhooks, Create: the same address with its token, "
        "Bounced, Dropped and Spam Reports; switch Signed Event Webhook on and copy its verification key here",
        "Mails that other systems send through SendGrid for a case or an invitation carry it as the unique or custom argument "
        "Hearback-Case or Hearback-Invitation; mails of this installation do so by themselves",
        "Test: write a mail to any address of the subdomain; the endpoint shows it within a minute",
    ),
)
