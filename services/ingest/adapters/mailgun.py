"""Mailgun: mails received by its routes, as forms, quotes and signature already stripped, and what became of mails sent, as JSON.

Timestamp and a token of one use are signed, the content is not.
https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads, /securing-webhooks
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Endpoint, Form, NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.forms import form
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.mail import Mails, Received, about, failures, found_in, message_id
from services.ingest.adapters.mime import Failed, Headers, Mail, headers_of, mail_in
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import check_fresh, check_hmac, proof_asked_for

_FRESH = timedelta(hours=9)
"""Mailgun sends again for almost eight hours; what it signed can be used only once, however old it is."""
_NAMES = {"From": "from", "To": "to", "Subject": "subject", "Message-Id": "message-id", "Date": "date"}
"""Fields beside the headers that are headers themselves."""


class Secrets(Form):
    """What Mailgun signs with."""

    signing_key: Annotated[str, Field(min_length=1, max_length=256, description="Settings, API security: HTTP webhook signing key")]


def receive(request: Request, endpoint: Endpoint[Secrets, Mails]) -> Outcome:
    """One mail, known by its Message-ID, or what became of one."""
    with proving():
        sent = json_body(request.body) if _is_json(request) else form(request)
        proof = sent["signature"] if _is_json(request) else sent
        stamp, token, signature = (proof[name].text() for name in ("timestamp", "token", "signature"))
        signed_at = proof["timestamp"].epoch()
    if proof_asked_for() and (stamp is None or token is None):
        raise NotProven("no_signature")
    keys = (secrets.signing_key.encode() for secrets in endpoint.secrets)
    check_hmac(signature, f"{stamp}{token}".encode(), keys)
    check_fresh(signed_at, request.at, _FRESH)
    found = _fate(sent["event-data"]) if _is_json(request) else _received(sent, signed_at or request.at, endpoint)
    return replace(gathered(found), once=token)


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").strip().lower().startswith("application/json")


def _received(sent: Node, at: datetime, endpoint: Endpoint[Secrets, Mails]) -> list[Found]:
    mail = _mail(sent)
    id = message_id(mail.headers)
    if id is None:
        raise Unreadable("the mail should have a Message-Id")
    if _is_spam(mail.headers) and not endpoint.options.take_spam:
        return ["spam"]
    return found_in(Received(mail, id, at, sent["stripped-text"].text()), endpoint.options, endpoint.zone)


def _fate(event: Node) -> list[Found]:
    """A mail that did not arrive, or was reported as spam. What failed for now Mailgun tries again by itself."""
    kind, status, headers = event["event"].text(), event["delivery-status"], event["message"]["headers"]
    if kind not in ("failed", "rejected", "complained"):
        return ["other_event"]
    if kind == "failed" and event["severity"].text() == "temporary":
        return ["delayed"]
    code = status["enhanced-code"].text(32) or status["code"].text(32)
    reason = " ".join(part for part in (event["reason"].text(64) or kind, code) if part)
    at = event["timestamp"].epoch() or event["timestamp"].wrong("a time since 1970")
    # Mailgun's own id is one of a day's alone.
    id = id_of(headers["message-id"].text() or "", event["id"].required_id())
    failed = Failed(event["recipient"].email(), reason, permanent=kind != "rejected")
    return [*failures(id, at, [failed], about(event["user-variables"], headers["subject"].text()))] or ["delivery_status"]


def _mail(sent: Node) -> Mail:
    whole = sent["body-mime"].text()
    if whole is not None:
        return mail_in(whole.encode("utf-8", "surrogateescape"))
    headers = headers_of(_headers(sent))
    beside = {**_NAMES, **{name.lower(): name.lower() for name in _NAMES}}
    told = headers_of((header, value) for name, header in beside.items() if headers.first(header) is None and (value := sent[name].text()))
    return Mail(
        Headers([*headers.fields, *told.fields]), sent["body-plain"].text(), sent["stripped-html"].text() or sent["body-html"].text()
    )


def _headers(sent: Node) -> Iterator[tuple[str, str]]:
    """The mail's headers: a JSON list of pairs in a field."""
    listed = sent["message-headers"].text()
    for pair in json_body(listed.encode()) if listed else ():
        name, value = pair[0].text(256), pair[1].text()
        if name and value:
            yield name, value


def _is_spam(headers: Headers) -> bool:
    """Mailgun's own verdict, where its spam filter is on."""
    return (headers.first("x-mailgun-sflag") or "").lower() == "yes"


ADAPTER = Adapter(
    name="mailgun",
    title="Mailgun",
    secrets=Secrets,
    options=Mails,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In Mailgun open Send, Sending, Receiving, Create route: match recipient, for example complaints@mg.example.org, "
        "and forward to {url}",
        "Copy the HTTP webhook signing key from Settings, API security, into this endpoint",
        "For mails of ours that did not arrive: Send, Sending, Webhooks, Add webhook: Permanent failure and Spam complaints, to {url}",
        "Mails that other systems send through Mailgun for a case or an invitation carry it as the variable Hearback-Case or "
        "Hearback-Invitation (v:Hearback-Case); mails of this installation do so by themselves",
        "Test: write a mail to the address; the endpoint shows it within a minute",
    ),
)
