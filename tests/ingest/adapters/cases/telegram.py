"""Telegram: a message, its edit, a rating by inline button."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.telegram import Secrets
from tests.ingest.adapters.case import Case, Proof

SECRETS = Secrets(secret_token="test-telegram-secret_token")
URL = "https://feedback.example.com/v1/channels/telegram/01JPQ3M8K2N2P9X4ABCDEFGHJK"
EMILY = {"id": "telegram:5000000042", "name": "Emily Adams"}


def sign(_: bytes) -> Proof:
    """https://core.telegram.org/bots/api#setwebhook"""
    return URL, {"content-type": "application/json", "x-telegram-bot-api-secret-token": "test-telegram-secret_token"}


def case(sample: str, at: datetime, identity: list[str], *expected: dict[str, Any]) -> Case:
    return Case(
        adapter="telegram",
        sample=f"telegram/{sample}.json",
        secrets=SECRETS,
        options=Conversations(),
        at=at,
        sign=sign,
        covers_body=False,
        identity=identity,
        expected=expected,
    )


CASES = [
    case(
        "update_message",
        datetime(2026, 3, 19, 9, 34, 50, tzinfo=UTC),
        ["message.chat.id", "message.message_id"],
        {
            "type": "feedback.message_received.v1",
            "id": "5000000042:501",
            "time": "2026-03-19T09:34:45+00:00",
            "data": {
                "text": "The app crashes at checkout",
                "thread": "5000000042",
                "channel": "messaging",
                "customer": EMILY,
                "language": "en",
            },
        },
    ),
    case(
        "update_edited_message",
        datetime(2026, 3, 19, 9, 36, tzinfo=UTC),
        ["edited_message.chat.id", "edited_message.message_id"],
        {
            "type": "feedback.message_received.v1",
            "id": "5000000042:501",
            "time": "2026-03-19T09:34:45+00:00",
            "data": {
                "text": "The app crashes at checkout (iOS 26)",
                "thread": "5000000042",
                "revision": 827228150,
                "channel": "messaging",
                "customer": EMILY,
                "language": "en",
            },
        },
    ),
    case(
        "update_callback_query_csat",
        datetime(2026, 3, 19, 10, 2, 41, tzinfo=UTC),
        ["callback_query.data", "callback_query.from.id"],
        {
            "type": "feedback.survey_answered.v1",
            "id": "csat:conv-1042:telegram:5000000042",
            "time": "2026-03-19T10:02:41+00:00",
            "data": {
                "survey": "button_rating",
                "answers": [{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
                "interaction_id": "conv-1042",
                "revision": 100000003,
                "channel": "messaging",
                "customer": EMILY,
                "language": "en",
            },
        },
    ),
]
