"""Freshdesk: a rating by an automation, in words; the same by the API, in points from -103 to 103."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.freshdesk import FreshdeskOptions, FreshdeskSecrets
from tests.ingest.adapters.case import Case, Proof, Pull

URL = "https://feedback.example.com/v1/channels/freshdesk/01JPQ3M8K2N2P9X4ABCDEFGHJK"
SECRETS = FreshdeskSecrets(secret="test-freshdesk-token", api_key="test-api-key")
AT = datetime(2026, 3, 19, 13, 45, tzinfo=UTC)
ON_SEVEN = {"scale_min": 1, "scale_max": 7}


def sign(_: bytes) -> Proof:
    """A custom header: Freshdesk signs nothing."""
    return URL, {"content-type": "application/json", "x-hearback-token": "test-freshdesk-token"}


CASES = [
    Case(
        adapter="freshdesk",
        sample="freshdesk/automation_webhook.json",
        secrets=SECRETS,
        options=FreshdeskOptions(),
        at=AT,
        sign=sign,
        covers_body=False,
        identity=["freshdesk_webhook.ticket_id", "freshdesk_webhook.triggered_event"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "11:{feedback:{from:--,to:EXTREMELY HAPPY}}",
                "time": "2026-03-19T13:45:00+00:00",
                "data": {
                    "channel": "web",
                    "survey": "freshdesk_satisfaction",
                    "interaction_id": "11",
                    "customer": {"email": "emily@example.com", "name": "Emily Adams"},
                    "comment": "Quick fix",
                    "answers": [
                        {"question": "satisfaction", "instrument": "csat", "score": 7, **ON_SEVEN, "choice": "Extremely happy"},
                    ],
                },
            }
        ],
    )
]

PULLS = [
    Pull(
        adapter="freshdesk",
        sample="freshdesk/api_satisfaction_rating.json",
        secrets=SECRETS,
        options=FreshdeskOptions(domain="acme.freshdesk.com"),
        at=AT,
        fetch=Fetch("ratings"),
        reply=lambda call, content: b"[" + content + b"]",
        identity=["id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "rating:4",
                "time": "2026-03-19T13:41:48+00:00",
                "data": {
                    "channel": "web",
                    "survey": "freshdesk:1",
                    "interaction_id": "11",
                    "agent": "1",
                    "customer": {"id": "freshdesk:14"},
                    "answers": [
                        {"question": "default_question", "instrument": "csat", "score": 7, **ON_SEVEN, "choice": "103"},
                        {"question": "question_2", "instrument": "csat", "score": 1, **ON_SEVEN, "choice": "-103"},
                        {"question": "question_3", "instrument": "csat", "score": 4, **ON_SEVEN, "choice": "100"},
                    ],
                    "comment": "Quick fix",
                },
            }
        ],
    )
]
