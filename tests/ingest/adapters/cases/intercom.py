"""Intercom: a rating with its remark, a conversation begun, continued by both sides, closed."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.conversations import Treated
from services.ingest.adapters.intercom import Secrets
from tests.ingest.adapters.case import Case, Proof, with_members
from tests.ingest.adapters.signing import hex_hmac

SECRET = "test-client-secret"
URL = "https://feedback.example.com/v1/channels/intercom/0192f0c1-0000-7000-8000-000000000005"


def sign(body: bytes) -> Proof:
    """https://developers.intercom.com/docs/webhooks/webhook-notifications"""
    return URL, {"content-type": "application/json", "x-hub-signature": "sha1=" + hex_hmac(SECRET, body, "sha1")}


COMMON: dict[str, Any] = {
    "channel": "chat",
    "interaction_id": "21322009097",
    "customer": {"id": "C-10042", "email": "emily@example.com", "name": "Emily Adams"},
}
RATING: dict[str, Any] = {
    "type": "feedback.survey_answered.v1",
    "id": "21322009097:rating",
    "time": "2026-03-19T09:09:40+00:00",
    "data": COMMON
    | {
        "survey": "conversation_rating",
        "agent": "1957471",
        "answers": [{"question": "conversation_rating", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
        "comment": "Great help",
        "revision": 827226589,
    },
}
RATED = Case(
    adapter="intercom",
    sample="intercom/conversation_rating_added.json",
    secrets=Secrets(client_secret=SECRET),
    options=Treated(),
    at=datetime(2026, 3, 19, 9, 9, 51, tzinfo=UTC),
    sign=sign,
    identity=["data.item.id"],
    expected=[RATING],
)


def other(name: str, topic: str, id: str, kind: str, time: str, data: dict[str, Any], **item: Any) -> Case:
    """Another notification about the same conversation."""
    identity = ["topic", "data.item.id", "data.item.source.id", "data.item.conversation_parts"]
    event = {"type": f"{kind}.v1", "id": id, "time": time, "data": COMMON | data}
    members = {f"data__item__{name}": value for name, value in item.items()}
    return dataclasses.replace(
        RATED, name=name, changed=lambda body: with_members(body, topic=topic, **members), expected=[event], identity=identity
    )


def parts(author: str) -> dict[str, Any]:
    """One part of a conversation."""
    part = {
        "type": "conversation_part",
        "id": "77",
        "part_type": "comment",
        "body": "<p>Still <b>broken</b></p>",
        "created_at": 1773911000,
        "author": {"type": author, "id": "1", "name": "Priya N"},
    }
    return {"type": "conversation_part.list", "conversation_parts": [part], "total_count": 1}


CASES = [
    RATED,
    dataclasses.replace(
        RATED,
        name="before its remark",
        changed=lambda body: with_members(body, data__item__conversation_rating__remark=None, data__item__updated_at=1773911381),
        expected=[
            RATING | {"data": {name: value for name, value in RATING["data"].items() if name != "comment"} | {"revision": 827226581}}
        ],
    ),
    other(
        "begun",
        "conversation.user.created",
        "message:331499307",
        "feedback.message_received",
        "2026-03-19T06:15:33+00:00",
        {"text": "Hello", "thread": "21322009097"},
    ),
    other(
        "continued",
        "conversation.user.replied",
        "message:77",
        "feedback.message_received",
        "2026-03-19T09:03:20+00:00",
        {"text": "Still broken", "thread": "21322009097"},
        conversation_parts=parts("user"),
    ),
    other(
        "answered",
        "conversation.admin.replied",
        "message:77",
        "interaction.replied",
        "2026-03-19T09:03:20+00:00",
        {"by": "human", "public": True, "text": "Still broken", "thread": "21322009097", "person": "Priya N"},
        conversation_parts=parts("admin"),
    ),
    other(
        "closed",
        "conversation.admin.closed",
        "21322009097",
        "interaction.completed",
        "2026-03-19T09:09:49+00:00",
        {
            "agent": "1957471",
            "tags": {"team_id": "5017691"},
            "first_response_seconds": 120,
            "revision": 827226589,
        },
    ),
    dataclasses.replace(
        RATED,
        name="ping",
        changed=lambda body: with_members(body, topic="ping"),
        expected=[],
        passed_over={"other_event": 1},
        identity=["topic"],
    ),
]
