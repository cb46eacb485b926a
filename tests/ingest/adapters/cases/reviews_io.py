"""Reviews.io: a review of the company."""

from datetime import UTC, datetime

from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/reviews_io/01JPQ3M8K2N2P9X4ABCDEFGHJK"
TOKEN = "reviews-io-token-0001"


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token={TOKEN}", {"content-type": "application/json"}


CASES = [
    Case(
        adapter="reviews_io",
        sample="reviews_io/review_submitted.json",
        secrets=TokenSecrets(token=TOKEN),
        at=datetime(2026, 3, 19, 9, 35, tzinfo=UTC),
        covers_body=False,
        sign=sign,
        identity=["id", "review_type"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "9931",
                "time": "2026-03-19T09:35:00+00:00",
                "data": {
                    "channel": "review",
                    "text": "Arrived late but good support",
                    "rating": 4,
                    "scale_min": 1,
                    "scale_max": 5,
                    "customer": {"email": "emily@example.com", "name": "Emily Adams"},
                    "author": "Emily Adams",
                    "interaction_id": "ORD-1001",
                },
            }
        ],
    ),
]
