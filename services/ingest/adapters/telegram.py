"""Telegram bots: messages, their edits, ratings by inline buttons; business chats, in which a person answers beside the bot.

The proof is a token in a header and does not cover the body. https://core.telegram.org/bots/api#setwebhook
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION, MESSAGING, REMOVED, Conversations, of, rated, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, full_name, id_of, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import check_token
from services.ingest.adapters.times import revision


class Secrets(Form):
    """What setWebhook was given."""

    secret_token: Annotated[
        str, Field(pattern="^[A-Za-z0-9_-]{1,256}$", description="The secret_token of setWebhook: 1 to 256 letters, digits, _ and -")
    ]


_MESSAGES = ("message", "edited_message", "business_message", "edited_business_message")


def receive(request: Request, endpoint: Endpoint[Secrets, Conversations]) -> Outcome:
    """One update, one event: a message or rating."""
    check_token(request.headers.get("x-telegram-bot-api-secret-token"), (secrets.secret_token for secrets in endpoint.secrets))
    return gathered(_found(json_body(request.body), endpoint.options, request))


def _found(update: Node, options: Conversations, request: Request) -> Iterator[Found]:
    for name in _MESSAGES:
        if update[name].here:
            yield _message(update[name], options, request)
            return
    if update["callback_query"].here:
        yield _pressed(update, options, request)
    elif update["deleted_business_messages"].here:
        yield from _deleted(update["deleted_business_messages"], options, request)
    else:
        yield "other_event"


def _message(message: Node, options: Conversations, request: Request) -> Found:
    chat, sender = message["chat"]["id"].required_id(), message["from"]["id"].id()
    id = id_of(chat, message["message_id"].required_id())
    text = message["text"].text() or message["caption"].text()
    at, edited_at = message["date"].epoch() or request.at, message["edit_date"].epoch()
    if text is None:
        return "no_text"
    if message["from"]["is_bot"].boolean():
        return "own_words"
    version = None if edited_at is None else revision(edited_at)
    if message["business_connection_id"].here and sender != chat:
        return replied(id, at, text, thread=chat, channel=MESSAGING, customer=present(id=of("telegram", chat)), revision=version)
    common = {"channel": MESSAGING, "customer": _customer(message["from"]), "language": message["from"]["language_code"].language()}
    return said(options, id, at, text, thread=chat, revision=version, **common)


def _pressed(update: Node, options: Conversations, request: Request) -> Found:
    """A button was pressed. Telegram does not say when: it tells at once, and numbers its updates."""
    query, number = update["callback_query"], int(update["update_id"].number() or 1)
    common = {"channel": MESSAGING, "customer": _customer(query["from"]), "language": query["from"]["language_code"].language()}
    chat, message = query["message"]["chat"]["id"].id(), query["message"]["message_id"].id()
    asked = None if chat is None or message is None else f"{chat}:{message}"
    version = min(max(1, number), LAST_REVISION)
    return rated(options, query["id"].required_id(), request.at, query["data"].text(), asked=asked, version=version, **common) or "button"


def _deleted(deleted: Node, options: Conversations, request: Request) -> Iterator[ChannelEvent]:
    chat = deleted["chat"]["id"].required_id()
    customer = present(id=of("telegram", chat))
    for message in deleted["message_ids"]:
        id = id_of(chat, message.required_id())
        yield said(options, id, request.at, REMOVED, thread=chat, channel=MESSAGING, customer=customer, revision=LAST_REVISION)


def _customer(user: Node) -> dict[str, str]:
    return present(id=of("telegram", user["id"].id()), name=full_name(user["first_name"], user["last_name"]))


ADAPTER = Adapter(
    name="telegram",
    title="Telegram",
    secrets=Secrets,
    options=Conversations,
    receive=receive,
    unsigned_body=True,
    setup=(
        "Create the bot with @BotFather and keep its token to yourself; this endpoint does not need it",
        "Call https://api.telegram.org/bot<token>/setWebhook with url={url}, secret_token=<the one of this endpoint> and "
        'allowed_updates=["message","edited_message","callback_query","business_message","edited_business_message",'
        '"deleted_business_messages"]',
        "Inline buttons that ask for a rating carry the callback_data csat:5:<conversation>, csat:4:<conversation> and so on",
        "Test: write to the bot, then look at getWebhookInfo: last_error_message must be empty",
    ),
)
