"""Messages of a Facebook Page or an Instagram account: the same webhook objects for Messenger and for Instagram Direct.

`standby` holds what another app answers, and is heard all the same. Echoes are what the account wrote: by a person in Meta's inbox, or
by an app, which is a bot's or our own message and no feedback.
https://developers.facebook.com/documentation/business-messaging/messenger-platform/webhooks/webhook-events
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.conversations import LAST_REVISION, MESSAGING, REMOVED, Conversations, of, rated, replied, said
from services.ingest.adapters.gathering import Found
from services.ingest.adapters.meta import sent_at
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import present

PAGE_INBOX = "263902037430900"
"""The app id of Meta's own inbox, in which people answer."""


class MessageOptions(Conversations):
    """How the account's own messages are told apart."""

    apps_of_people: Annotated[
        frozenset[str],
        Field(max_length=50, description="App ids through which people answer (a help desk); what other apps send is taken for a bot's"),
    ] = frozenset({PAGE_INBOX})


def messages(entry: Node, options: MessageOptions, network: str, now: datetime) -> Iterator[Found]:
    """The messages of one entry."""
    for messaging in [*entry["messaging"], *entry["standby"]]:
        yield _found(messaging, options, network, messaging["timestamp"].epoch(1000) or sent_at(entry) or now)


def _found(messaging: Node, options: MessageOptions, network: str, at: datetime) -> Found:
    message, postback = messaging["message"], messaging["postback"]
    person = messaging["sender"]["id"].id()
    if message["is_echo"].boolean():
        return _echo(messaging, options, network, at)
    customer = present(id=of(network, person))
    if message.here:
        return _message(message, options, at, customer, person)
    if messaging["message_edit"].here:
        return _edit(messaging["message_edit"], options, at, customer, person)
    if not postback.here:
        return "receipt" if messaging["read"].here or messaging["delivery"].here else "other_event"
    id = postback["mid"].id() or f"{person}:{int(at.timestamp() * 1000)}"
    rating = rated(options, id, at, postback["payload"].text(), channel=MESSAGING, customer=customer)
    return rating or "button"


def _message(message: Node, options: MessageOptions, at: datetime, customer: dict[str, str], person: str | None) -> Found:
    id, text = message["mid"].required_id(), message["text"].text()
    if message["is_deleted"].boolean():
        return said(options, id, at, REMOVED, thread=person or id, channel=MESSAGING, customer=customer, revision=LAST_REVISION)
    rating = rated(options, id, at, message["quick_reply"]["payload"].text(), channel=MESSAGING, customer=customer)
    if rating is not None:
        return rating
    return "no_text" if text is None else said(options, id, at, text, thread=person or id, channel=MESSAGING, customer=customer)


def _edit(edit: Node, options: MessageOptions, at: datetime, customer: dict[str, str], person: str | None) -> Found:
    id, text, edits = edit["mid"].required_id(), edit["text"].text(), edit["num_edit"].number()
    if text is None:
        return "no_text"
    revision = 1 + min(max(1, int(edits or 1)), 1000)
    return said(options, id, at, text, thread=person or id, channel=MESSAGING, customer=customer, revision=revision)


def _echo(messaging: Node, options: MessageOptions, network: str, at: datetime) -> Found:
    message, app = messaging["message"], messaging["message"]["app_id"].id()
    if app is not None and app not in options.apps_of_people:
        return "own_words"
    id, to = message["mid"].required_id(), messaging["recipient"]["id"].id()
    return replied(id, at, message["text"].text(), thread=to or id, channel=MESSAGING, customer=present(id=of(network, to)))
