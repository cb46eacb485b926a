"""LINE: a message, the same redelivered, a rating by postback, the console's Verify; LINE's own test vector."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.line import Secrets
from tests.ingest.adapters.case import Case, Proof, Vector
from tests.ingest.adapters.signing import base64_hmac

SECRET = "test-line-channel-secret"
URL = "https://feedback.example.com/v1/channels/line/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
CUSTOMER = {"id": "line:U00000000000000000000000000000042"}
MESSAGE = {
    "type": "feedback.message_received.v1",
    "id": "444573844083572737",
    "time": "2026-03-19T09:34:45.123000+00:00",
    "data": {
        "text": "荷物が届きません😢 請求も二重です",
        "thread": "U00000000000000000000000000000042",
        "channel": "messaging",
        "customer": CUSTOMER,
    },
}
RATING = {
    "type": "feedback.survey_answered.v1",
    "id": "csat:1042:line:U00000000000000000000000000000042",
    "time": "2026-03-19T10:02:41.123000+00:00",
    "data": {
        "survey": "button_rating",
        "answers": [{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
        "interaction_id": "1042",
        "revision": 827229761,
        "channel": "messaging",
        "customer": CUSTOMER,
    },
}


def sign(body: bytes) -> Proof:
    """https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/"""
    return URL, {"content-type": "application/json", "x-line-signature": base64_hmac(SECRET, body)}


def case(sample: str, identity: Sequence[str], *expected: dict[str, Any]) -> Case:
    return Case(
        adapter="line",
        sample=f"line/{sample}.json",
        secrets=Secrets(channel_secret=SECRET),
        options=Conversations(),
        at=AT,
        sign=sign,
        identity=[*identity, "events.type"],
        expected=expected,
    )


CASES = [
    case("message_text", ["events.message.id"], MESSAGE),
    case("message_text_redelivered", ["events.message.id"], MESSAGE),
    case("postback_csat", ["events.postback.data", "events.source.userId"], RATING),
    case("verify_empty_events", ["events"]),
]

VECTORS = [
    Vector(
        adapter="line",
        official="line",
        secrets=Secrets(channel_secret="channel_secret"),
        options=Conversations(),
        at=AT,
        url=URL,
        headers={"x-line-signature": signature},
        body=b"bodybodybodybody",
        holds=holds,
        name=name,
    )
    for name, signature, holds in (
        ("LINE's own", "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k=", True),
        ("with its prefix", "sha256=/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k=", False),
    )
]
