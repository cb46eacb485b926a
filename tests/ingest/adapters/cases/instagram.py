"""Instagram: a comment, a reply in the flat shape, a mention that has to be pulled."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.instagram import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, event
from tests.ingest.adapters.signing import hex_hmac

SECRET = "test-instagram-app-secret"
SECRETS = Secrets(app_secret=SECRET, verify_token="test-verify-token", access_token="test-token")
OPTIONS = Options(username="acme_example")
URL = "https://feedback.example.com/v1/channels/instagram/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(body: bytes) -> Proof:
    """As for Facebook Pages, with the app secret that Meta shows for Instagram."""
    return URL, {"content-type": "application/json", "x-hub-signature-256": "sha256=" + hex_hmac(SECRET, body)}


def case(sample: str, *identity: str, **more: Any) -> Case:
    """A signed request."""
    return Case(
        adapter="instagram",
        sample=f"instagram/{sample}.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 10, 5, tzinfo=UTC),
        sign=sign,
        identity=identity,
        **more,
    )


def commented(id: str, time: str, text: str, author: str, number: int, above: str) -> list[dict[str, Any]]:
    """Somebody's comment."""
    said = {"channel": "social", "text": text, "author": author, "reply_to": above}
    return [event("feedback.comment_posted", id, time, **said, customer={"id": f"instagram:{number}"})]


CASES = [
    case(
        "comments",
        "entry.changes.value.id",
        expected=commented(
            "17850000000000011", "09:34:46", "Still waiting for my refund 😡", "emily_example", 6000000000000042, "17900000000000007"
        ),
    ),
    case(
        "comments_reply_flat",
        "entry.value.id",
        expected=commented("17850000000000012", "09:36:30", "Same here", "sam_example", 6000000000000043, "17850000000000011"),
    ),
    case(
        "mentions",
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
