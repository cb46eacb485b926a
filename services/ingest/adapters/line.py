"""LINE: messages to an official account, ratings by postback, messages taken back. Batches; redelivered events have the same ids.

https://developers.line.biz/en/docs/messaging-api/receiving-messages/
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION, MESSAGING, REMOVED, Conversations, of, rated, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import base64_text, check_hmac


class Secrets(Form):
    """What LINE signs with."""

    channel_secret: Annotated[
        str, Field(min_length=1, max_length=256, description="LINE Developers Console: Basic settings, Channel secret")
    ]


def receive(request: Request, endpoint: Endpoint[Secrets, Conversations]) -> Outcome:
    """One event a message or rating. The console's Verify sends a batch without events, and gets its 200."""
    keys = (secrets.channel_secret.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("x-line-signature"), request.body, keys, written=base64_text)
    return gathered(_found(event, endpoint.options, request.at) for event in json_body(request.body)["events"])


def _found(event: Node, options: Conversations, now: datetime) -> Found:
    at, source, kind = event["timestamp"].epoch(1000) or now, event["source"], event["type"].text()
    user = source["userId"].id()
    thread = source["groupId"].id() or source["roomId"].id() or user
    common: dict[str, Any] = {"channel": MESSAGING, "customer": present(id=of("line", user))}
    if kind == "postback":
        return rated(options, event["webhookEventId"].required_id(), at, event["postback"]["data"].text(), **common) or "button"
    if kind == "unsend":
        id = event["unsend"]["messageId"].required_id()
        return said(options, id, at, REMOVED, thread=thread or id, revision=LAST_REVISION, **common)
    if kind != "message":
        return "other_event"
    id, text = event["message"]["id"].required_id(), event["message"]["text"].text()
    return "no_text" if text is None else said(options, id, at, text, thread=thread or id, **common)


ADAPTER = Adapter(
    name="line",
    title="LINE",
    secrets=Secrets,
    options=Conversations,
    receive=receive,
    setup=(
        "In the LINE Developers Console open the Messaging API channel and its tab Messaging API",
        "Webhook URL: {url}; switch Use webhook on, and Webhook redelivery too, so that nothing is lost while this service is away",
        "Give this endpoint the Channel secret of the tab Basic settings",
        "Postback buttons that ask for a rating carry the data action=csat&score=5&conv=<conversation>",
        "Test: press Verify beside the webhook URL; then write to the account from a phone",
    ),
)
