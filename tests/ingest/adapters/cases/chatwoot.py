"""Chatwoot: a survey answered and not yet answered, messages of both sides, a conversation resolved."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.chatwoot import Secrets
from services.ingest.adapters.conversations import Treated
from tests.ingest.adapters.case import Case, Proof, with_members
from tests.ingest.adapters.signing import hex_hmac

SECRET = "test-chatwoot-secret"
URL = "https://feedback.example.com/v1/channels/chatwoot/0192f0c1-0000-7000-8000-000000000008"
SIGNED_AT = "1773914561"


def sign(body: bytes) -> Proof:
    """https://github.com/chatwoot/chatwoot/blob/develop/lib/webhooks/trigger.rb"""
    return URL, {
        "content-type": "application/json",
        "x-chatwoot-timestamp": SIGNED_AT,
        "x-chatwoot-signature": "sha256=" + hex_hmac(SECRET, f"{SIGNED_AT}.".encode() + body),
        "x-chatwoot-delivery": "5e0f6a53-0000-4000-8000-000000000001",
    }


COMMON: dict[str, Any] = {
    "channel": "chat",
    "interaction_id": "128",
    "customer": {"id": "C-10042", "email": "emily@example.com", "name": "Emily Adams"},
}
RATED = Case(
    adapter="chatwoot",
    sample="chatwoot/message_updated_csat.json",
    secrets=Secrets(secret=SECRET),
    options=Treated(),
    at=datetime(2026, 3, 19, 10, 2, 42, tzinfo=UTC),
    sign=sign,
    timestamped=True,
    identity=["id", "event", "content_type", "private"],
    expected=[
        {
            "type": "feedback.survey_answered.v1",
            "id": "csat:4711",
            "time": "2026-03-19T10:02:41+00:00",
            "data": COMMON
            | {
                "survey": "csat",
                "agent": "Priya N",
                "answers": [{"question": "csat", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}],
                "comment": "amazing experience",
                "revision": 827229761,
            },
        }
    ],
)


def message(name: str, expected: list[dict[str, Any]], passed_over: dict[str, int] | None = None, **members: Any) -> Case:
    """A message of the same conversation."""
    written = {"event": "message_created", "content_type": "text", "content": "Charged twice", **members}
    return dataclasses.replace(
        RATED, name=name, changed=lambda body: with_members(body, **written), expected=expected, passed_over=passed_over or {}
    )


def said(kind: str, **more: Any) -> list[dict[str, Any]]:
    """The event of a message."""
    data = COMMON | {"text": "Charged twice", "thread": "128", **more}
    return [{"type": f"{kind}.v1", "id": "4711", "time": "2026-03-19T10:01:02+00:00", "data": data}]


AGENT = {"id": 7, "name": "Priya N", "type": "user"}
CONVERSATION = {
    "event": "conversation_status_changed",
    "id": 128,
    "status": "resolved",
    "channel": "Channel::Whatsapp",
    "created_at": 1773912885,
    "first_reply_created_at": "2026-03-19T09:35:44.872Z",
    "timestamp": 1773914561,
    "meta": {
        "sender": {"id": 21, "name": "Emily Adams", "phone_number": "+14158675309"},
        "assignee": {"name": "Priya N"},
        "team": {"name": "Billing"},
    },
}
CASES = [
    RATED,
    dataclasses.replace(
        RATED,
        name="not answered yet",
        changed=lambda body: with_members(body, content_attributes={"display_type": "emoji"}),
        expected=[],
        passed_over={"no_answer": 1},
        identity=["content_attributes"],
    ),
    message("from the customer", said("feedback.message_received"), message_type="incoming"),
    message(
        "from an agent",
        said("interaction.replied", by="human", public=True, person="Priya N"),
        message_type="outgoing",
        sender=AGENT,
    ),
    message("from a bot", [], {"own_words": 1}, message_type="outgoing", sender={**AGENT, "type": "agent_bot"}),
    message("between agents", [], {"internal_note": 1}, message_type="outgoing", sender=AGENT, private=True),
    message("that is the survey", [], {"other_event": 1}, content_type="input_csat"),
    dataclasses.replace(
        RATED,
        name="resolved",
        changed=lambda body: with_members(body, **CONVERSATION),
        expected=[
            {
                "type": "interaction.completed.v1",
                "id": "conversation:128",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "messaging",
                    "interaction_id": "128",
                    "customer": {"id": "chatwoot:21", "phone": "+14158675309", "name": "Emily Adams"},
                    "agent": "Priya N",
                    "team": "Billing",
                    "first_response_seconds": 59.872,
                    "revision": 827229761,
                },
            }
        ],
    ),
]
