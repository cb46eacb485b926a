"""Who answered a survey: fields that the survey's owner passed along (hidden fields, embedded data, attributes), by their usual names."""

from typing import Any

from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import present

CUSTOMER_IDS = ("customer_id", "customerId", "user_id", "userId")
CONVERSATION_IDS = ("conversation_id", "conversationId", "interaction_id", "ticket_id")
RESERVED = frozenset((*CUSTOMER_IDS, *CONVERSATION_IDS, "email", "phone", "name"))
"""What is passed along is no answer, also where the vendor keeps both in one object."""


def customer_of(passed: Node) -> dict[str, Any]:
    """The customer that the fields name."""
    return present(
        id=first_id(passed, CUSTOMER_IDS),
        email=passed["email"].email(),
        phone=passed["phone"].text(64),
        name=passed["name"].name(),
    )


def conversation_of(passed: Node) -> str | None:
    """The interaction that the survey was about."""
    return first_id(passed, CONVERSATION_IDS)


def first_id(passed: Node, names: tuple[str, ...]) -> str | None:
    """The first of the fields that is there."""
    return next((id for id in (passed[name].id() for name in names) if id), None)
