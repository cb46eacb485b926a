"""Help Scout: a rating that was modified later."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.helpscout import Secrets
from tests.ingest.adapters.case import Case, Proof, with_members
from tests.ingest.adapters.signing import base64_hmac

SECRET = "test-helpscout-secret"
URL = "https://feedback.example.com/v1/channels/helpscout/0192f0c1-0000-7000-8000-000000000004"


def sign(body: bytes) -> Proof:
    """https://developer.helpscout.com/webhooks/"""
    return URL, {
        "content-type": "application/json",
        "x-helpscout-event": "satratings.created",
        "x-helpscout-signature": base64_hmac(SECRET, body, "sha1"),
    }


def becomes(score: int, choice: str) -> list[dict[str, Any]]:
    """The event of the sample's rating."""
    return [
        {
            "type": "feedback.survey_answered.v1",
            "id": "5434",
            "time": "2026-03-19T12:34:12+00:00",
            "data": {
                "channel": "email",
                "survey": "satisfaction_rating",
                "interaction_id": "1560011",
                "customer": {"id": "helpscout:449379", "email": "john.doe@example.com", "name": "John Doe"},
                "team": "My Mailbox",
                "answers": [
                    {"question": "satisfaction", "instrument": "csat", "score": score, "scale_min": 1, "scale_max": 3, "choice": choice}
                ],
                "comment": "he was really helpful",
                "revision": 827266713,
            },
        }
    ]


GREAT = Case(
    adapter="helpscout",
    sample="helpscout/satisfaction_rating.json",
    secrets=Secrets(secret_key=SECRET),
    at=datetime(2026, 3, 19, 20, 18, 34, tzinfo=UTC),
    sign=sign,
    identity=["id"],
    expected=becomes(3, "Great"),
)
CASES = [
    GREAT,
    dataclasses.replace(GREAT, name="okay", changed=lambda body: with_members(body, rating="Okay"), expected=becomes(2, "Okay")),
    dataclasses.replace(GREAT, name="bad", changed=lambda body: with_members(body, rating="Bad"), expected=becomes(1, "Bad")),
]
