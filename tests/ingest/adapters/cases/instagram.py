"""Instagram: a comment, a reply in the flat shape, a mention that has to be pulled."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.instagram import Options, Secrets
from tests.ingest.adapters.case import Case, Proof
from tests.ingest.adapters.signing import hex_hmac

SECRET = "test-instagram-app-secret"
SECRETS = Secrets(app_secret=SECRET, verify_token="test-verify-token", access_token="test-token")
OPTIONS = Options(username="acme_example")
URL = "https://feedback.example.com/v1/channels/instagram/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)


def sign(body: bytes) -> Proof:
    """As for Facebook Pages, with the app secret that Meta shows for Instagram."""
    return URL, {"content-type": "application/json", "x-hub-signature-256": "sha256=" + hex_hmac(SECRET, body)}


CASES = [
    Case(
        adapter="instagram",
        sample="instagram/comments.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        identity=["entry.changes.value.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "17850000000000011",
                "time": "2026-03-19T09:34:46+00:00",
                "data": {
                    "channel": "social",
                    "text": "Still waiting for my refund 😡",
                    "author": "emily_example",
                    "reply_to": "17900000000000007",
                    "customer": {"id": "instagram:6000000000000042"},
                },
            }
        ],
    ),
    Case(
        adapter="instagram",
        sample="instagram/comments_reply_flat.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        identity=["entry.value.id"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "17850000000000012",
                "time": "2026-03-19T09:36:30+00:00",
                "data": {
                    "channel": "social",
                    "text": "Same here",
                    "author": "sam_example",
                    "reply_to": "17850000000000011",
                    "customer": {"id": "instagram:6000000000000043"},
                },
            }
        ],
    ),
    Case(
        adapter="instagram",
        sample="instagram/mentions.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        fetches=[
            Fetch(
                "mention:17850000000000031",
                {
                    "account": "17840000000000001",
                    "media": "17900000000000032",
                    "comment": "17850000000000031",
                    "sent_at": "2026-03-19T10:02:42+00:00",
                },
            )
        ],
    ),
]
