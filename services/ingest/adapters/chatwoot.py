"""Chatwoot: satisfaction surveys inside conversations, messages of both sides, conversations resolved.

`message_updated` comes for many reasons; it is an answer only when the message is a satisfaction survey with submitted values. Signed
over the timestamp, a dot and the body. https://github.com/chatwoot/chatwoot lib/webhooks/trigger.rb
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import Treated, of, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.markup import plain
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.questions import Question, answered, present
from services.ingest.adapters.signatures import check_fresh, check_hmac

_RATING = Question(instrument="csat", scale_min=1, scale_max=5)
"""Stars and emoji alike are sent as 1 to 5."""
_CHANNELS = {
    "WebWidget": "chat",
    "Email": "email",
    "Sms": "sms",
    "TwilioSms": "sms",
    "Whatsapp": "messaging",
    "Telegram": "messaging",
    "Line": "messaging",
    "FacebookPage": "messaging",
    "Instagram": "messaging",
    "Tiktok": "messaging",
    "TwitterProfile": "social",
}
_INCOMING, _OUTGOING = ("incoming", "0"), ("outgoing", "1")
"""Message types by name, and by the numbers that older releases send."""


class Secrets(Form):
    """What Chatwoot signs with."""

    secret: Annotated[
        str,
        Field(min_length=1, max_length=256, description="The webhook's secret; in Chatwoot: Settings, Integrations, Webhooks, Configure"),
    ]


def receive(request: Request, endpoint: Endpoint[Secrets, Treated]) -> Outcome:
    """One event of an account's webhook."""
    timestamp = request.headers.get("x-chatwoot-timestamp", "")
    keys = (secrets.secret.encode() for secrets in endpoint.secrets)
    signed = timestamp.encode("utf-8", "surrogatepass") + b"." + request.body
    check_hmac(request.headers.get("x-chatwoot-signature"), signed, keys, prefix="sha256=")
    sent_at = times.epoch(timestamp)
    check_fresh(sent_at, request.at)
    body = json_body(request.body)
    match body["event"].text():
        case "message_updated" if body["content_type"].text() == "input_csat":
            return gathered([_rated(body, sent_at or request.at)])
        case "message_created" if body["content_type"].text() != "input_csat":
            return gathered([_message(body, endpoint)])
        case "conversation_status_changed":
            return gathered([_resolved(body, endpoint)])
    return Outcome(passed_over={"other_event": 1})


def _rated(body: Node, at: datetime) -> Found:
    """The answer counts from when it was sent on: the message says only when it was asked."""
    response = body["content_attributes"]["submitted_values"]["csat_survey_response"]
    answer = answered("csat", response["rating"], _RATING)
    if answer is None:
        return "no_answer"
    data = present(
        **_common(body["conversation"]),
        survey="csat",
        agent=body["conversation"]["meta"]["assignee"]["name"].name(),
        answers=[answer],
        comment=response["feedback_message"].text(),
        revision=times.revision(at),
    )
    return ChannelEvent("feedback.survey_answered.v1", id_of("csat", body["id"].required_id()), at, data)


def _message(body: Node, endpoint: Endpoint[Secrets, Treated]) -> Found:
    kind, text = body["message_type"].text(), plain(body["content"].text())
    if text is None:
        return "no_text"
    if body["private"].boolean():
        return "internal_note"
    common, id = _common(body["conversation"]), body["id"].required_id()
    created = body["created_at"]
    at = (created.epoch() if isinstance(created.value, int | float) else created.iso(endpoint.zone)) or created.wrong("a time")
    if kind in _INCOMING:
        return said(endpoint.options, id, at, text, thread=common["interaction_id"], **common)
    if kind in _OUTGOING and body["sender"]["type"].text() in ("user", "User"):
        return replied(id, at, text, thread=common["interaction_id"], person=body["sender"]["name"].name(), **common)
    return "own_words"


def _resolved(body: Node, endpoint: Endpoint[Secrets, Treated]) -> Found:
    if body["status"].text() != "resolved":
        return "still_going_on"
    begun, answered_at = body["created_at"].epoch(), body["first_reply_created_at"].iso(endpoint.zone)
    at = body["timestamp"].epoch() or body["timestamp"].wrong("a time")
    data = present(
        **_common(body),
        agent=body["meta"]["assignee"]["name"].name(),
        team=body["meta"]["team"]["name"].name(),
        first_response_seconds=times.between(begun, answered_at),
        revision=times.revision(at),
    )
    return ChannelEvent("interaction.completed.v1", id_of("conversation", data["interaction_id"]), at, data)


def _common(conversation: Node) -> dict[str, Any]:
    sender = conversation["meta"]["sender"]
    return present(
        channel=_CHANNELS.get((conversation["channel"].text() or "").removeprefix("Channel::"), "other"),
        interaction_id=conversation["id"].required_id(),
        customer=present(
            id=sender["identifier"].id() or of("chatwoot", sender["id"].id()),
            email=sender["email"].email(),
            phone=sender["phone_number"].phone(),
            name=sender["name"].name(),
        ),
    )


ADAPTER = Adapter(
    name="chatwoot",
    title="Chatwoot",
    secrets=Secrets,
    options=Treated,
    receive=receive,
    setup=(
        "In Chatwoot: Settings, Integrations, Webhooks, Configure, Add new webhook, with the URL {url}",
        "Choose message created, message updated and conversation status changed; when it is made, copy the webhook's secret and give it "
        'to this endpoint: POST {public}/v1/endpoints/{id}/rotate with {"secrets": {"secret": "…"}}',
        "Releases that do not sign webhooks yet come in by an endpoint of the channel generic, with a token in the URL",
        "Switch on the satisfaction survey of the inbox: Settings, Inboxes, the inbox, CSAT",
        "Test: resolve a conversation of your own and rate it; the rating is here within a minute",
    ),
)
