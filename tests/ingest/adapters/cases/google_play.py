"""Google Play: one page of reviews, with the company's reply."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Call, Fetch
from services.ingest.adapters.google import TOKENS, ServiceAccount
from services.ingest.adapters.google_play import Options
from tests.ingest.adapters.case import Case, Pull
from tests.ingest.adapters.keypairs import pem, rsa_key

SECRETS = ServiceAccount(client_email="reviews@example.iam.gserviceaccount.com", private_key=pem(rsa_key()))
OPTIONS = Options(package="com.example.app")
AT = datetime(2026, 3, 20, tzinfo=UTC)


def reply(call: Call, content: bytes) -> bytes:
    """A token first, then the page."""
    return b'{"access_token": "test-access-token"}' if call.url == TOKENS else content


CASES: list[Case] = []
PULLS = [
    Pull(
        adapter="google_play",
        sample="google_play/reviews_list.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        fetch=Fetch("reviews"),
        reply=reply,
        identity=["reviews.reviewId"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "gp:AOqpTOEexampleReviewId0001",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "review",
                    "text": "Crash au démarrage\n\nDepuis la mise à jour",
                    "rating": 2,
                    "scale_min": 1,
                    "scale_max": 5,
                    "author": "Jean Dupont",
                    "product": "com.example.app",
                    "language": "fr",
                    "tags": {"app_version": "1.2.0"},
                    "revision": 827229761,
                },
            },
            {
                "type": "interaction.replied.v1",
                "id": "gp:AOqpTOEexampleReviewId0001/reply",
                "time": "2026-03-19T12:49:21+00:00",
                "data": {
                    "by": "human",
                    "public": True,
                    "text": "Désolé, corrigé en 1.2.1",
                    "thread": "gp:AOqpTOEexampleReviewId0001",
                    "channel": "review",
                    "product": "com.example.app",
                    "revision": 827239761,
                },
            },
        ],
    ),
]
