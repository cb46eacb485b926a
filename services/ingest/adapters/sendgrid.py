"""SendGrid's Inbound Parse: a mail as a multipart form, its fields or, in raw mode, the whole of it. Nothing is signed.

https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/setting-up-the-inbound-parse-webhook
"""

import hashlib
import re

from services.ingest.adapters.adapter import Adapter, Endpoint, Outcome, Request, Unreadable
from services.ingest.adapters.forms import parts
from services.ingest.adapters.gathering import gathered
from services.ingest.adapters.mail import Mails, Received, found_in, message_id
from services.ingest.adapters.mime import Headers, Mail, headers_in, headers_of, in_charset, mail_in
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

_SPAM = 5.0
"""SpamAssassin's own limit."""
_PASSED = re.compile(r"@([a-z0-9.-]+)\s*:\s*pass", re.IGNORECASE)


def receive(request: Request, endpoint: Endpoint[TokenSecrets, Mails]) -> Outcome:
    """One mail: known by its Message-ID, without one by its content."""
    check_sent_token(request, endpoint.secrets)
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


ADAPTER = Adapter(
    name="sendgrid",
    title="SendGrid Inbound Parse",
    secrets=TokenSecrets,
    options=Mails,
    receive=receive,
    unsigned_body=True,
    setup=(
        "Point the MX record of a subdomain, for example parse.example.org, to mx.sendgrid.net",
        "In SendGrid open Settings, Inbound Parse, Add Host & URL: that subdomain, and {url}?token=<the token of this endpoint>",
        "Check POST the raw, full MIME message, so that mails which did not arrive are told apart from what customers write",
        "Test: write a mail to any address of the subdomain; the endpoint shows it within a minute",
    ),
)
