"""Zendesk: a ticket solved, created, commented on by both sides; ratings of old and of surveys; the wrong order of an older page."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Call, Fetch
from services.ingest.adapters.zendesk import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, Pull, Vector, with_members
from tests.ingest.adapters.signing import base64_hmac

SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
URL = "https://feedback.example.com/v1/channels/zendesk/0192f0c1-0000-7000-8000-000000000003"
SIGNED_AT = "2026-03-19T09:25:30Z"


def sign(body: bytes) -> Proof:
    """https://developer.zendesk.com/documentation/webhooks/verifying/"""
    return URL, {
        "content-type": "application/json",
        "x-zendesk-webhook-signature": base64_hmac(SECRET, SIGNED_AT.encode() + body),
        "x-zendesk-webhook-signature-timestamp": SIGNED_AT,
        "x-zendesk-webhook-id": "01G8K9ZV3Q5F0WZ1JH6W0X4H5T",
        "x-zendesk-webhook-invocation-id": "01JPQ0Q22WZ3M2C8F4F6H8J1K3",
        "x-zendesk-account-id": "22129848",
    }


COMMON: dict[str, Any] = {"channel": "web", "interaction_id": "35436", "customer": {"id": "zendesk:8447388090494"}}
SOLVED = Case(
    adapter="zendesk",
    sample="zendesk/ticket_status_changed.json",
    secrets=Secrets(signing_secret=SECRET),
    options=Options(),
    at=datetime(2026, 3, 19, 9, 25, 31, tzinfo=UTC),
    sign=sign,
    timestamped=True,
    identity=["detail.id"],
    expected=[
        {
            "type": "interaction.completed.v1",
            "id": "ticket:35436",
            "time": "2026-03-19T09:25:29.511000+00:00",
            "data": COMMON
            | {
                "category": "PROBLEM",
                "agent": "8447388090494",
                "tags": {"group_id": "8447320466430", "priority": "HIGH"},
                "disposition": "SOLVED",
                "revision": 827227529,
            },
        }
    ],
)


def comment(staff: bool, public: bool = True) -> Any:
    """The event of a comment, with the members that Zendesk's own example has."""
    author = {"id": 8447388090495, "is_staff": staff, "name": "Priya N"}
    event = {"comment": {"id": 9876543210, "body": "Still charged twice", "is_public": public, "author": author}}
    return lambda body: with_members(body, type="zen:event-type:ticket.comment_added", event=event)


def like_solved(name: str, changed: Any, id: str, kind: str, time: str, data: dict[str, Any]) -> Case:
    """Another event of the same ticket."""
    event = {"type": f"{kind}.v1", "id": id, "time": time, "data": COMMON | data}
    return dataclasses.replace(SOLVED, name=name, changed=changed, expected=[event], identity=["type", "detail.id", "event.comment.id"])


def nothing(name: str, changed: Any, reason: str) -> Case:
    """An event that is passed over."""
    identity = ["type", "detail.id", "detail.description", "event"]
    return dataclasses.replace(SOLVED, name=name, changed=changed, expected=[], passed_over={reason: 1}, identity=identity)


AT = "2026-03-19T09:25:29.511000+00:00"
CASES = [
    SOLVED,
    nothing(
        "closed after it was solved", lambda body: with_members(body, event={"current": "CLOSED", "previous": "SOLVED"}), "not_settled_now"
    ),
    like_solved(
        "created",
        lambda body: with_members(body, type="zen:event-type:ticket.created", event={}),
        "description:35436",
        "feedback.message_received",
        "2026-03-18T04:25:20+00:00",
        {"text": "Double charge\n\ncharged twice", "thread": "35436"},
    ),
    like_solved(
        "comment",
        comment(staff=False),
        "comment:9876543210",
        "feedback.message_received",
        AT,
        {"text": "Still charged twice", "thread": "35436"},
    ),
    like_solved(
        "reply",
        comment(staff=True),
        "comment:9876543210",
        "interaction.replied",
        AT,
        {"by": "human", "public": True, "person": "Priya N", "text": "Still charged twice", "thread": "35436"},
    ),
    nothing("note", comment(staff=True, public=False), "internal_note"),
]


def listed(name: str) -> Any:
    """The page of a list that holds one rating."""

    def reply(_: Call, content: bytes) -> bytes:
        try:
            whole = json.loads(content)
        except (ValueError, RecursionError):
            return content
        return json.dumps({f"{name}s": [whole.get(name) if isinstance(whole, dict) else whole], "meta": {"has_more": False}}).encode()

    return reply


def pull(name: str, key: str, sample: str, event: dict[str, Any]) -> Pull:
    """One page of ratings."""
    return Pull(
        adapter="zendesk",
        sample=f"zendesk/{sample}.json",
        secrets=Secrets(signing_secret=SECRET, api_token="api-token-1"),
        options=Options(ratings=key, subdomain="example", email="agent@example.com"),  # type: ignore[arg-type]
        at=datetime(2026, 3, 19, 10, 15, tzinfo=UTC),
        fetch=Fetch(key),
        reply=listed(name),
        identity=[f"{name}.id"],
        expected=[{"type": "feedback.survey_answered.v1", "time": "2026-03-19T10:02:41+00:00", **event}],
    )


PULLS = [
    pull(
        "satisfaction_rating",
        "satisfaction_ratings",
        "api_satisfaction_rating",
        {
            "id": "rating:35436",
            "data": {
                "channel": "web",
                "survey": "satisfaction_rating",
                "interaction_id": "208",
                "customer": {"id": "zendesk:7881"},
                "agent": "135",
                "tags": {"group_id": "44"},
                "answers": [
                    {"question": "satisfaction", "instrument": "csat", "score": 1, "scale_min": 0, "scale_max": 1, "choice": "good"}
                ],
                "comment": "Awesome support!",
                "revision": 827229761,
            },
        },
    ),
    pull(
        "survey_response",
        "csat_surveys",
        "api_csat_survey_response",
        {
            "id": "01HZYC6Q4S1ZB7FZ2G2F5J4K3M",
            "data": {
                "channel": "web",
                "survey": "01HZYC000000000000000000AA",
                "interaction_id": "208",
                "customer": {"id": "zendesk:7881"},
                "answers": [
                    {"question": "01HZYC000000000000000000AC", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                    {"question": "01HZYC000000000000000000AE", "instrument": "text", "text": "Awesome support!"},
                ],
                "revision": 827229761,
            },
        },
    ),
]

VECTORS = [
    Vector(
        adapter="zendesk",
        official="zendesk (old page, WRONG order)",
        name=name,
        secrets=Secrets(signing_secret="HRkRd4BeOAoUkfZr-mhauJT64rvBASlJRoIyPsd3zeA="),
        options=Options(),
        at=datetime(2021, 7, 25, 10, tzinfo=UTC),
        url=URL,
        headers={"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": "2021-07-25T10:00:00Z"},
        body=b'{"say": "hello"}',
        holds=holds,
    )
    for name, signature, holds in [
        ("body before the timestamp", "tRDSF7URY8BLCDlaBcQ7FHu051Zk+aAB0NKMP53teMw=", False),
        ("timestamp before the body", "Rry/4TtIdFyawtXXp8QdI6tlAUUQ/5kL1OTp5qo/ZIk=", True),
    ]
]
