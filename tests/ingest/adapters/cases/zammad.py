"""Zammad: a closed ticket with the customer's first article, an answer, a note."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.zammad import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, with_members
from tests.ingest.adapters.signing import hex_hmac

SECRET = "test-zammad-token"
URL = "https://feedback.example.com/v1/channels/zammad/0192f0c1-0000-7000-8000-000000000007"


def sign(body: bytes) -> Proof:
    """https://admin-docs.zammad.org/en/latest/manage/webhook.html"""
    return URL, {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Zammad User Agent",
        "x-zammad-trigger": "feedback",
        "x-zammad-delivery": "0f5b8c2e-0000-4000-8000-000000000001",
        "x-hub-signature": "sha1=" + hex_hmac(SECRET, body, "sha1"),
    }


COMMON: dict[str, Any] = {
    "channel": "email",
    "interaction_id": "65",
    "customer": {"id": "zammad:8", "email": "emily@example.com", "name": "Emily Adams"},
    "team": "Billing",
}
ARTICLE: dict[str, Any] = {
    "type": "feedback.message_received.v1",
    "id": "article:104",
    "time": "2026-03-19T09:34:45.282000+00:00",
    "data": COMMON | {"text": "I was charged twice this month.", "thread": "65"},
}
TICKET: dict[str, Any] = {
    "type": "interaction.completed.v1",
    "id": "ticket:65",
    "time": "2026-03-19T11:02:41+00:00",
    "data": COMMON | {"agent": "chris@example.com", "first_response_seconds": 376.718, "disposition": "closed", "revision": 827233361},
}
CLOSED = Case(
    adapter="zammad",
    sample="zammad/ticket_webhook.json",
    secrets=Secrets(token=SECRET),
    options=Options(),
    at=datetime(2026, 3, 19, 11, 2, 42, tzinfo=UTC),
    sign=sign,
    identity=["ticket.id", "article.id"],
    expected=[ARTICLE, TICKET],
)


def open_with(name: str, expected: list[dict[str, Any]], passed_over: dict[str, int] | None = None, **article: Any) -> Case:
    """The ticket while it is open, with another article."""
    members = {f"article__{name}": value for name, value in article.items()}
    return dataclasses.replace(
        CLOSED,
        name=name,
        changed=lambda body: with_members(body, ticket__state="open", **members),
        expected=expected,
        passed_over=passed_over or {},
        identity=["ticket.id", "ticket.state", "article"],
    )


REPLY = {"by": "human", "public": True, "text": "We refund it.\nSorry!", "thread": "65", "person": "Chris <support@example.org>"}
CASES = [
    CLOSED,
    open_with("open", [ARTICLE]),
    open_with(
        "answered in HTML",
        [{**ARTICLE, "type": "interaction.replied.v1", "data": COMMON | REPLY}],
        sender="Agent",
        content_type="text/html",
        body="<div>We refund it.</div>Sorry!",
        **{"from": "Chris <support@example.org>"},
    ),
    open_with("note", [], {"internal_note": 1}, sender="Agent", internal=True),
    open_with("by the system", [], {"own_words": 1}, sender="System"),
]
