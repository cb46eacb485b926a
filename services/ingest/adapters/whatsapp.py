"""WhatsApp Business Cloud API: messages, also edited and taken back, ratings by button, what people of the company wrote in the WhatsApp
Business app, messages that did not arrive.

A user may have no phone number that we see: their business-scoped user id comes first. Of statuses only failures say something, and
only when the sender told us whose message it was, in `biz_opaque_callback_data`: `case=…` or `invitation=…`.
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from services.ingest.adapters import meta
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION, MESSAGING, REMOVED, Conversations, of, rated, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import present
from services.ingest.adapters.times import revision
from shared.contracts.fields import NAME_LENGTH
from shared.contracts.identity import address_hash

_PERMANENT = {"131026", "131050"}
"""Error codes: the number is not on WhatsApp or cannot be reached, and who does not want such messages."""


def receive(request: Request, endpoint: Endpoint[MetaSecrets, Conversations]) -> Outcome:
    """One event a message, rating or failed delivery."""
    if answer := meta.challenged(request, endpoint.secrets):
        return Outcome(answer=answer)
    body = meta.verified(request, endpoint.secrets, "whatsapp_business_account")
    changes = (change for entry in body["entry"] for change in meta.changes(entry))
    return gathered(found for change in changes for found in _change(change, endpoint.options, request.at))


def _change(change: meta.Change, options: Conversations, now: datetime) -> Iterator[Found]:
    value = change.value
    if change.field == "smb_message_echoes":
        yield from (_echo(echo, now) for echo in value["message_echoes"])
    elif change.field == "messages":
        for message in value["messages"]:
            yield _message(message, list(value["contacts"]), options, now)
        for status in value["statuses"]:
            yield _status(status, now)
    else:
        yield "other_event"


def _message(message: Node, contacts: list[Node], options: Conversations, now: datetime) -> Found:
    id, at, kind = message["id"].required_id(), message["timestamp"].epoch() or now, message["type"].text()
    user, number = message["from_user_id"].id(), message["from"].id()
    contact = _contact(contacts, user, number)
    user, number = user or contact["user_id"].id(), number or contact["wa_id"].id()
    common: dict[str, Any] = {"channel": MESSAGING, "customer": _customer(user, number, contact["profile"]["name"].name())}
    text, version = _words(message), None
    match kind:
        case "interactive" | "button":
            reply = message["button"] if kind == "button" else message["interactive"][message["interactive"]["type"].text() or ""]
            text = reply["text"].text() or reply["title"].text()
            asked = message["context"]["id"].id()
            rating = rated(options, id, at, reply["payload"].text() or reply["id"].text(), asked=asked, **common)
            if rating is not None:
                return rating
        case "reaction":
            return "reaction"
        case "edit":
            edit = message["edit"]
            id, text, version = edit["original_message_id"].required_id(), _words(edit["message"]), revision(at)
        case "revoke":
            id, text, version = message["revoke"]["original_message_id"].required_id(), REMOVED, LAST_REVISION
    return "no_text" if text is None else said(options, id, at, text, thread=user or number or id, revision=version, **common)


def _words(message: Node) -> str | None:
    """A text, or what stands below a picture or a document."""
    kind = message["type"].text() or ""
    return message["text"]["body"].text() if kind == "text" else message[kind]["caption"].text()


def _contact(contacts: list[Node], user: str | None, number: str | None) -> Node:
    for contact in contacts:
        if (user is not None and contact["user_id"].id() == user) or (number is not None and contact["wa_id"].id() == number):
            return contact
    return contacts[0] if len(contacts) == 1 and user is None and number is None else Node(None)


def _customer(user: str | None, number: str | None, name: str | None = None) -> dict[str, Any]:
    """WhatsApp numbers are international, without the plus; whoever writes from one has it."""
    known = number is not None and number.isdecimal() and number.isascii() and len(number) <= 15
    return present(id=of("whatsapp", user or number), phone=f"+{number}" if known else None, phone_verified=known or None, name=name)


def _echo(echo: Node, now: datetime) -> Found:
    """What a person of the company wrote in the WhatsApp Business app."""
    id, to, user = echo["id"].required_id(), echo["to"].id(), echo["to_user_id"].id()
    at = echo["timestamp"].epoch() or now
    return replied(id, at, _words(echo), thread=user or to or id, channel=MESSAGING, customer=_customer(user, to))


def _status(status: Node, now: datetime) -> Found:
    if status["status"].text() != "failed":
        return "receipt"
    told = dict(parse_qsl(status["biz_opaque_callback_data"].text() or "", max_num_fields=None))
    about = present(case=told.get("case", "")[:NAME_LENGTH] or None, invitation=told.get("invitation", "")[:NAME_LENGTH] or None)
    if not about:
        return "failed_delivery"
    error, number = status["errors"][0], status["recipient_id"].text()
    data = present(
        channel=MESSAGING,
        reason=error["title"].text() or error["message"].text(),
        permanent=error["code"].text() in _PERMANENT,
        address_hash=address_hash(f"+{number}") if number else None,
        **about,
    )
    return ChannelEvent("message.delivery_failed.v1", status["id"].required_id() + ":failed", status["timestamp"].epoch() or now, data)


ADAPTER = Adapter(
    name="whatsapp",
    title="WhatsApp",
    secrets=MetaSecrets,
    options=Conversations,
    receive=receive,
    setup=(
        "In the App Dashboard at developers.facebook.com add the product WhatsApp, then Configuration, Webhook, Edit",
        "Callback URL: {url}; Verify token: the verify_token of this endpoint; Meta calls the URL at once and must be answered",
        "Subscribe to messages, and to smb_message_echoes when people also answer in the WhatsApp Business app",
        "Buttons that ask for a rating carry the id or payload csat_5|conversation, csat_4|conversation and so on",
        "Messages sent for a case or an invitation carry biz_opaque_callback_data case=<id> or invitation=<id>, so that failures find it",
        "Test: beside the field messages, Test; or write to the number from a private phone",
    ),
)
