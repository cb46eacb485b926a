"""Genesys Cloud's conversations: their ends as events, their figures as analytics. Field names as in its Platform SDK 269."""

from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import present

ENDED_IN_QUEUE, ENDED, COUNTED = 1, 2, 3
"""Revisions of a conversation: each knows more than the one before."""

_DIALLED = {"VOICE": "phone", "CALLBACK": "phone", "CHAT": "chat", "COBROWSE": "chat", "VIDEO": "chat", "EMAIL": "email"}
_WRITTEN = {"SMS": "sms", "WEBMESSAGING": "chat", "TWITTER": "social", "LINKEDIN": "social"}


def ended(body: Node, in_queue: bool) -> ChannelEvent:
    """The end of a customer's part in a conversation, or of a queue in which they gave up."""
    data = present(
        channel=_channel(body["mediaType"], body["messageType"]),
        interaction_id=body["conversationId"].required_id(),
        customer=_customer(body["externalContactId"], body["ani"]),
        direction=_direction(body["direction"]),
        disposition=body["disconnectType"].name(),
        handle_seconds=None if in_queue else body["interactingDurationMs"].seconds(1000),
        wait_seconds=body["connectedDurationMs"].seconds(1000) if in_queue else None,
        abandoned=True if in_queue else None,
        tags=present(queue_id=body["queueId"].name()),
        revision=ENDED_IN_QUEUE if in_queue else ENDED,
    )
    at = body["eventTime"].epoch(1000) or body["eventTime"].wrong("a time")
    return ChannelEvent("interaction.completed.v1", data["interaction_id"], at, data)


def _channel(media: Node, message: Node) -> str:
    kind = (media.text() or "").upper()
    return _WRITTEN.get((message.text() or "").upper(), "messaging") if kind == "MESSAGE" else _DIALLED.get(kind, "other")


def _customer(contact: Node, address: Node) -> dict[str, Any]:
    """The external contact, and the address that was used, which Genesys writes as a URI."""
    scheme, _, rest = (address.text() or "").partition(":")
    used = Node(rest, address.place)
    return present(id=contact.id(), phone=used.phone() if scheme == "tel" else None, email=used.email() if scheme == "mailto" else None)


def _direction(direction: Node) -> str | None:
    word = (direction.text() or "").lower()
    return word if word in ("inbound", "outbound") else None


def whole(found: Node, zone: ZoneInfo) -> ChannelEvent | None:
    """A conversation with its figures; None while it goes on."""
    at = found["conversationEnd"].iso(zone)
    if at is None:
        return None
    participants = list(found["participants"])
    customer = next((one for one in participants if one["purpose"].text() in ("customer", "external")), Node(None))
    sessions = [session for participant in participants for session in participant["sessions"]]
    first = customer["sessions"][0]
    figures: dict[str, float] = {}
    for metric in (metric for session in sessions for metric in session["metrics"]):
        name = metric["name"].text() or ""
        figures[name] = figures.get(name, 0) + (metric["value"].seconds(1) or 0)
    agents = [one["userId"].name() for one in participants if one["purpose"].text() in ("agent", "user")]
    data = present(
        channel=_channel(first["mediaType"], first["messageType"]),
        interaction_id=found["conversationId"].required_id(),
        customer=_customer(customer["externalContactId"], first["ani"]),
        direction=_direction(found["originatingDirection"]),
        agent=next((agent for agent in reversed(agents) if agent), None),
        disposition=first["segments"][-1]["disconnectType"].name(),
        handle_seconds=_seconds(figures.get("tHandle")),
        wait_seconds=_seconds(figures.get("tAcd")),
        transfers=int(figures.get("nTransferred", 0)),
        abandoned="tAbandon" in figures,
        handled_by="human" if agents else "self_service" if found["selfServed"].boolean() else None,
        revision=COUNTED,
    )
    return ChannelEvent("interaction.completed.v1", data["interaction_id"], at, data)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else min(milliseconds / 1000, 1e9)
