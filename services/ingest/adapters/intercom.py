"""Intercom: ratings of conversations, what customers write, what teammates answer, and closed conversations.

A rating comes again when its remark is added: the same id with a higher revision, by when the conversation was updated. Signed over the
body with SHA-1, without a timestamp. https://developers.intercom.com/docs/references/webhooks/webhook-models
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import Treated, of, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.markup import plain
from services.ingest.adapters.node import Node, id_of, json_body, paragraphs
from services.ingest.adapters.questions import Question, answered, present
from services.ingest.adapters.signatures import check_hmac

_RATING = Question(instrument="csat", scale_min=1, scale_max=5)
_CHANNELS = {
    "email": "email",
    "whatsapp": "messaging",
    "sms": "sms",
    "facebook": "messaging",
    "instagram": "messaging",
    "twitter": "social",
}
_CUSTOMERS = ("user", "lead", "contact")
_WITH_PARTS = ("conversation.user.replied", "conversation.admin.replied")


class Secrets(Form):
    """What Intercom signs with."""

    client_secret: Annotated[
        str, Field(min_length=1, max_length=256, description="The app's client secret; in the Developer Hub: Basic information")
    ]


def receive(request: Request, endpoint: Endpoint[Secrets, Treated]) -> Outcome:
    """One notification. Before it takes a URL, Intercom asks with HEAD whether it is there."""
    if request.method == "HEAD":
        return Outcome()
    keys = (secrets.client_secret.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("x-hub-signature"), request.body, keys, "sha1", prefix="sha1=")
    body = json_body(request.body)
    topic, conversation = body["topic"].text() or "", body["data"]["item"]
    match topic:
        case "conversation.rating.added" | "conversation.contact.rated":
            return gathered([_rated(conversation, request.at)])
        case "conversation.user.created":
            return gathered([_begun(conversation, endpoint.options)])
        case "conversation.admin.closed":
            return gathered([_closed(conversation)])
        case _ if topic in _WITH_PARTS:
            return gathered(
                _part(part, conversation, endpoint.options) for part in conversation["conversation_parts"]["conversation_parts"]
            )
    return Outcome(passed_over={"other_event": 1})


def _rated(conversation: Node, now: datetime) -> Found:
    rating = conversation["conversation_rating"]
    answer = answered("conversation_rating", rating["rating"], _RATING)
    if answer is None:
        return "no_answer"
    at = rating["created_at"].epoch() or now
    data = present(
        **_common(conversation),
        survey="conversation_rating",
        agent=rating["teammate"]["id"].name() or conversation["admin_assignee_id"].name(),
        answers=[answer],
        comment=plain(rating["remark"].text()),
        revision=times.revision(conversation["updated_at"].epoch() or at),
    )
    return ChannelEvent("feedback.survey_answered.v1", id_of(data["interaction_id"], "rating"), at, data)


def _begun(conversation: Node, options: Treated) -> Found:
    source, common = conversation["source"], _common(conversation)
    text = paragraphs(source["subject"].text(), plain(source["body"].text()))
    if source["author"]["type"].text() not in _CUSTOMERS:
        return "own_words"
    if text is None:
        return "no_text"
    at = conversation["created_at"].epoch() or conversation["created_at"].wrong("a time")
    return said(options, id_of("message", source["id"].required_id()), at, text, thread=common["interaction_id"], **common)


def _part(part: Node, conversation: Node, options: Treated) -> Found:
    """One message in a conversation, by whoever wrote it; notes and changes of state are parts too."""
    text, by = plain(part["body"].text()), part["author"]["type"].text()
    if text is None or part["part_type"].text() not in ("comment", "assignment", "open", "close"):
        return "no_text"
    common, id = _common(conversation), id_of("message", part["id"].required_id())
    at = part["created_at"].epoch() or part["created_at"].wrong("a time")
    if by == "admin":
        return replied(id, at, text, thread=common["interaction_id"], person=part["author"]["name"].name(), **common)
    return said(options, id, at, text, thread=common["interaction_id"], **common) if by in _CUSTOMERS else "own_words"


def _closed(conversation: Node) -> Found:
    at = conversation["updated_at"].epoch() or conversation["updated_at"].wrong("a time")
    data = present(
        **_common(conversation),
        agent=conversation["admin_assignee_id"].name(),
        tags=present(team_id=conversation["team_assignee_id"].name()),
        first_response_seconds=conversation["statistics"]["time_to_admin_reply"].seconds(),
        revision=times.revision(at),
    )
    return ChannelEvent("interaction.completed.v1", data["interaction_id"], at, data)


def _common(conversation: Node) -> dict[str, Any]:
    contact, author = conversation["contacts"]["contacts"][0], conversation["source"]["author"]
    theirs = author["type"].text() in _CUSTOMERS
    return present(
        channel=_CHANNELS.get((conversation["source"]["type"].text() or "").lower(), "chat"),
        interaction_id=conversation["id"].required_id(),
        customer=present(
            id=contact["external_id"].id() or of("intercom", contact["id"].id()),
            email=author["email"].email() if theirs else None,
            name=author["name"].name() if theirs else None,
        ),
    )


ADAPTER = Adapter(
    name="intercom",
    title="Intercom",
    secrets=Secrets,
    options=Treated,
    receive=receive,
    setup=(
        "In the Developer Hub open the app, then Webhooks, and enter the endpoint URL {url}",
        "Choose the topics conversation.rating.added, conversation.user.created, conversation.user.replied, conversation.admin.replied "
        "and conversation.admin.closed; the app needs the permission to read conversations",
        "Copy the app's client secret here, from Basic information",
        "Test: Webhooks, Send a test request; the answer must be 200",
    ),
)
