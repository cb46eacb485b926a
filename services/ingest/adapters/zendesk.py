"""Zendesk: events of tickets by webhook, ratings by the Support API.

Signed over the timestamp and then the body; an older page of Zendesk's has them the other way round, which is wrong.
https://developer.zendesk.com/documentation/webhooks/verifying/
https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/
"""

from datetime import datetime
from typing import Any

from services.ingest.adapters import times, zendesk_ratings
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Outcome, Request
from services.ingest.adapters.conversations import of, replied, said
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, id_of, json_body, paragraphs
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import base64_text, check_fresh, check_hmac
from services.ingest.adapters.zendesk_ratings import Options, Secrets

_CHANNELS = {
    "email": "email",
    "mail": "email",
    "chat": "chat",
    "web_messenger": "chat",
    "native_messaging": "messaging",
    "whatsapp": "messaging",
    "line": "messaging",
    "wechat": "messaging",
    "telegram": "messaging",
    "instagram_dm": "messaging",
    "facebook": "social",
    "twitter": "social",
    "voice": "phone",
    "phone": "phone",
    "sms": "sms",
    "mobile_sdk": "app",
    "mobile": "app",
    "any_channel": "other",
}
_SETTLED = ("SOLVED", "CLOSED")


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One event of a ticket: settled, created, commented on."""
    timestamp = request.headers.get("x-zendesk-webhook-signature-timestamp", "")
    keys = (secrets.signing_secret.encode() for secrets in endpoint.secrets)
    signed = timestamp.encode("utf-8", "surrogatepass") + request.body
    check_hmac(request.headers.get("x-zendesk-webhook-signature"), signed, keys, written=base64_text)
    check_fresh(times.iso(timestamp, endpoint.zone), request.at)
    body = json_body(request.body)
    at = body["time"].iso(endpoint.zone) or request.at
    match body["type"].text():
        case "zen:event-type:ticket.status_changed":
            found = _settled(body["detail"], body["event"], at, endpoint)
        case "zen:event-type:ticket.created":
            found = _created(body["detail"], at, endpoint)
        case "zen:event-type:ticket.comment_added":
            found = _comment(body["detail"], body["event"]["comment"], at, endpoint.options)
        case _:
            found = "other_event"
    return gathered([found])


def _settled(ticket: Node, event: Node, at: datetime, endpoint: Endpoint[Secrets, Options]) -> Found:
    """A ticket that is solved now; solved once more after it was opened again, it is the same with a higher revision."""
    if event["current"].text() not in _SETTLED or event["previous"].text() in _SETTLED:
        return "not_settled_now"
    data = present(
        **_common(ticket),
        category=ticket["type"].name(),
        agent=ticket["assignee_id"].name(),
        tags=present(group_id=ticket["group_id"].name(), priority=ticket["priority"].name()),
        disposition=event["current"].name(),
        revision=times.revision(ticket["updated_at"].iso(endpoint.zone) or at),
    )
    return ChannelEvent("interaction.completed.v1", id_of("ticket", data["interaction_id"]), at, data)


def _created(ticket: Node, at: datetime, endpoint: Endpoint[Secrets, Options]) -> Found:
    text = paragraphs(ticket["subject"].text(), ticket["description"].text())
    if text is None:
        return "no_text"
    common = _common(ticket)
    id = id_of("description", common["interaction_id"])
    return said(endpoint.options, id, ticket["created_at"].iso(endpoint.zone) or at, text, thread=common["interaction_id"], **common)


def _comment(ticket: Node, comment: Node, at: datetime, options: Options) -> Found:
    """What the customer adds, and what the company answers in public. The first comment is the description, told with the ticket."""
    text, author = comment["body"].text(), comment["author"]
    common = _common(ticket)
    if text is None:
        return "no_text"
    if text == ticket["description"].text():
        return "description"
    if comment["is_public"].boolean() is False:
        return "internal_note"
    id = id_of("comment", comment["id"].required_id())
    if author["is_staff"].boolean():
        return replied(id, at, text, thread=common["interaction_id"], person=author["name"].name(), **common)
    return said(options, id, at, text, thread=common["interaction_id"], **common)


def _common(ticket: Node) -> dict[str, Any]:
    return present(
        channel=_CHANNELS.get((ticket["via"]["channel"].text() or "").lower(), "web"),
        interaction_id=ticket["id"].required_id(),
        customer=present(id=of("zendesk", ticket["requester_id"].id())),
    )


ADAPTER = Adapter(
    name="zendesk",
    title="Zendesk",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=zendesk_ratings.pull,
    poll=zendesk_ratings.poll,
    setup=(
        "In the Admin Center: Apps and integrations, Webhooks, Create webhook, Zendesk events, and choose Ticket status changed, "
        "Ticket created and Comment added",
        "Endpoint URL {url}, request method POST, request format JSON, no authentication; when it is created, reveal its signing secret "
        'and give it to this endpoint: POST {public}/v1/endpoints/{id}/rotate with {"secrets": {"signing_secret": "…"}}',
        "For ratings: Apps and integrations, APIs, Zendesk API, add an API token; enter it here with its agent's e-mail address and the "
        "subdomain, and choose satisfaction ratings or CSAT surveys",
        "Ratings that a trigger of yours sends, with a body that you write, come in by an endpoint of the channel zendesk_trigger",
        "Test: set a test ticket to solved; under the webhook, Activity, the answer is 200",
    ),
)
