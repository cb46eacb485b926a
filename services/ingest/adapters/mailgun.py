"""Mailgun's routes: a mail as a form, its quotes and signature already stripped.

Timestamp and a token of one use are signed; the mail is not.

https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/receive-http
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Endpoint, Form, NotProven, Outcome, Request, Unreadable
from services.ingest.adapters.forms import form
from services.ingest.adapters.gathering import gathered
from services.ingest.adapters.mail import Mails, Received, found_in, message_id
from services.ingest.adapters.mime import Headers, Mail, headers_of, mail_in
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import check_fresh, check_hmac, proof_asked_for

_FRESH = timedelta(minutes=15)
"""Longer than usual: what Mailgun could not deliver it sends again after ten minutes."""
_NAMES = {"From": "from", "To": "to", "Subject": "subject", "Message-Id": "message-id", "Date": "date"}
"""Fields beside the headers that are headers themselves."""


class Secrets(Form):
    """What Mailgun signs with."""

    signing_key: Annotated[str, Field(min_length=1, max_length=256, description="Settings, API security: HTTP webhook signing key")]


def receive(request: Request, endpoint: Endpoint[Secrets, Mails]) -> Outcome:
    """One mail, known by its Message-ID."""
    with proving():
        sent = form(request)
        stamp, token, signature = (sent[name].text() for name in ("timestamp", "token", "signature"))
        signed_at = sent["timestamp"].epoch()
    if proof_asked_for() and (stamp is None or token is None):
        raise NotProven("no_signature")
    keys = (secrets.signing_key.encode() for secrets in endpoint.secrets)
    check_hmac(signature, f"{stamp}{token}".encode(), keys)
    check_fresh(signed_at, request.at, _FRESH)
    mail = _mail(sent)
    id = message_id(mail.headers)
    if id is None:
        raise Unreadable("the mail should have a Message-Id")
    if _is_spam(mail.headers) and not endpoint.options.take_spam:
        return Outcome(passed_over={"spam": 1}, once=token)
    received = Received(mail, id, signed_at or request.at, sent["stripped-text"].text())
    outcome = gathered(found_in(received, endpoint.options, endpoint.zone))
    return Outcome(outcome.events, once=token, passed_over=outcome.passed_over)


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
    title="Mailgun Routes",
    secrets=Secrets,
    options=Mails,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In Mailgun open Send, Sending, Receiving, Create route: match recipient, for example complaints@mg.example.org, "
        "and forward to {url}",
        "Copy the HTTP webhook signing key from Settings, API security, into this endpoint",
        "Test: write a mail to the address; the endpoint shows it within a minute",
    ),
)
