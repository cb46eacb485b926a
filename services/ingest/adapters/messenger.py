"""Messenger: what people write to a Facebook Page, and which buttons they press.

An app has one URL for all that concerns its Pages: where it hears comments too, the channel of Facebook Pages takes both.
https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks
"""

from collections.abc import Iterator
from datetime import datetime

from services.ingest.adapters import meta
from services.ingest.adapters.adapter import Adapter, Endpoint, Outcome, Request
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.meta_messages import MessageOptions, messages
from services.ingest.adapters.node import Node


def receive(request: Request, endpoint: Endpoint[MetaSecrets, MessageOptions]) -> Outcome:
    """One event a message or rating; people's answers in the inbox as replies."""
    if answer := meta.challenged(request, endpoint.secrets):
        return Outcome(answer=answer)
    body = meta.verified(request, endpoint.secrets, "page")
    return gathered(found for entry in body["entry"] for found in _entry(entry, endpoint.options, request.at))


def _entry(entry: Node, options: MessageOptions, now: datetime) -> Iterator[Found]:
    yield from messages(entry, options, "messenger", now)
    yield from ("other_event" for _ in meta.changes(entry))


ADAPTER = Adapter(
    name="messenger",
    title="Messenger",
    secrets=MetaSecrets,
    options=MessageOptions,
    receive=receive,
    setup=(
        "An app has one URL for its Pages: if it is to hear comments as well, make an endpoint of the channel facebook_page instead",
        "In the App Dashboard at developers.facebook.com add the product Messenger, then Webhooks, Configure",
        "Callback URL: {url}; Verify token: the verify_token of this endpoint; Meta calls the URL at once and must be answered",
        "Subscribe the Page to messages, message_edits, message_echoes, messaging_postbacks and standby",
        "Buttons that ask for a rating carry the payload csat_5|conversation, csat_4|conversation and so on",
        "Test: write to the Page from a private account",
    ),
)
