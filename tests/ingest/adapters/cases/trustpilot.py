"""Trustpilot: a batch with one review."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import NoOptions
from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/trustpilot/01JPQ3M8K2N2P9X4ABCDEFGHJK"
TOKEN = "trustpilot-token-0001"


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token={TOKEN}", {"content-type": "application/json"}


CASES = [
    Case(
        adapter="trustpilot",
        sample="trustpilot/service_review_created.json",
        secrets=TokenSecrets(token=TOKEN),
        options=NoOptions(),
        at=datetime(2026, 3, 19, 9, 35, tzinfo=UTC),
        covers_body=False,
        sign=sign,
        identity=["events.eventData.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "53bffd360000640002975387",
                "time": "2026-03-19T09:34:44+00:00",
                "data": {
                    "channel": "review",
                    "text": "Great service\n\nNothing other than excellent customer service.",
                    "rating": 5,
                    "scale_min": 1,
                    "scale_max": 5,
                    "customer": {"id": "trustpilot:53bffc3900006400017e5db8", "name": "Customer"},
                    "author": "Customer",
                    "url": "https://api.trustpilot.com/v1/reviews/53bffd360000640002975387",
                    "language": "en",
                    "interaction_id": "ABC-123-xyz",
                    "touchpoint": "43f51215-a1fc-4c60-b6dd-e4afb6d7b831",
                    "tags": {"Generic": "Tag value"},
                },
            }
        ],
    ),
]
