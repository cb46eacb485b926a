"""Zammad's webhook of a trigger: the ticket as it is now, with the article that the trigger is about.

One request can say two things: the article, and that the ticket is closed. Signed over the body with SHA-1, without a timestamp.
https://admin-docs.zammad.org/en/latest/manage/webhook/payload.html
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import Treated, of, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.markup import plain
from services.ingest.adapters.node import Node, full_name, id_of, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import check_hmac
from shared.contracts.fields import NAME_LENGTH

_CHANNELS = {
    "email": "email",
    "web": "web",
    "phone": "phone",
    "chat": "chat",
    "sms": "sms",
    "telegram personal-message": "messaging",
    "whatsapp message": "messaging",
    "facebook feed post": "social",
    "facebook feed comment": "social",
    "twitter status": "social",
    "twitter direct-message": "social",
}


class Secrets(Form):
    """What Zammad signs with."""

    token: Annotated[
        str, Field(min_length=1, max_length=256, description="The webhook's HMAC SHA1 signature token; in Zammad: Manage, Webhook")
    ]


class Options(Treated):
    """What the states of tickets are called."""

    closed_states: Annotated[
        frozenset[Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]],
        Field(max_length=20, description="The names of the states of a ticket that is done"),
    ] = frozenset({"closed", "merged"})


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """An article, a closed ticket, or both."""
    keys = (secrets.token.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("x-hub-signature"), request.body, keys, "sha1", prefix="sha1=")
    return gathered(_found(json_body(request.body), endpoint))


def _found(body: Node, endpoint: Endpoint[Secrets, Options]) -> Iterator[Found]:
    ticket, article = body["ticket"], body["article"]
    if article.here:
        yield _article(article, ticket, endpoint)
    if ticket["state"].text() in endpoint.options.closed_states:
        yield _closed(ticket, endpoint)


def _article(article: Node, ticket: Node, endpoint: Endpoint[Secrets, Options]) -> Found:
    raw = article["body"].text()
    text = plain(raw) if article["content_type"].text() == "text/html" else raw
    if article["internal"].boolean():
        return "internal_note"
    if text is None:
        return "no_text"
    common = _common(ticket, article["type"])
    id = id_of("article", article["id"].required_id())
    at = article["created_at"].iso(endpoint.zone) or article["created_at"].wrong("a time")
    match article["sender"].text():
        case "Customer":
            return said(endpoint.options, id, at, text, thread=common["interaction_id"], **common)
        case "Agent":
            return replied(id, at, text, thread=common["interaction_id"], person=article["from"].name(), **common)
    return "own_words"


def _closed(ticket: Node, endpoint: Endpoint[Secrets, Options]) -> Found:
    updated = ticket["updated_at"].iso(endpoint.zone) or ticket["updated_at"].wrong("a time")
    created, responded = ticket["created_at"].iso(endpoint.zone), ticket["first_response_at"].iso(endpoint.zone)
    data = present(
        **_common(ticket, ticket["create_article_type"]),
        agent=ticket["owner"]["login"].name(),
        first_response_seconds=times.between(created, responded),
        disposition=ticket["state"].name(),
        revision=times.revision(updated),
    )
    at = ticket["close_at"].iso(endpoint.zone) or updated
    return ChannelEvent("interaction.completed.v1", id_of("ticket", data["interaction_id"]), at, data)


def _common(ticket: Node, kind: Node) -> dict[str, Any]:
    customer = ticket["customer"]
    return present(
        channel=_CHANNELS.get((kind.text() or "").lower(), "other"),
        interaction_id=ticket["id"].required_id(),
        customer=present(
            id=of("zammad", customer["id"].id() or ticket["customer_id"].id()),
            email=customer["email"].email(),
            phone=customer["phone"].phone() or customer["mobile"].phone(),
            name=full_name(customer["firstname"], customer["lastname"]),
        ),
        team=ticket["group"]["name"].name(),
    )


ADAPTER = Adapter(
    name="zammad",
    title="Zammad",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "In Zammad: Manage, Webhook, New webhook, with the endpoint {url} and an HMAC SHA1 signature token of your choice; enter it here",
        "Manage, Trigger, New trigger: conditions Action is created or updated, and where only feedback is wanted the group; "
        "action Webhook, the one just made",
        "Test: write into a ticket of the group; Manage, Webhook shows the trigger, and the article is here within a minute",
    ),
)
