"""Google Business Profile: a push that there is a review, and the review."""

from datetime import UTC, datetime

import jwt

from services.ingest.adapters.adapter import Call, Fetch, NoOptions
from services.ingest.adapters.google import TOKENS
from services.ingest.adapters.google_business import Secrets
from tests.ingest.adapters.case import Case, Proof, Pull
from tests.ingest.adapters.keypairs import jwks, rsa_key

SECRETS = Secrets(
    client_id="test-client",
    client_secret="test-client-secret",
    refresh_token="test-refresh-token",
    audience="hearback-reviews",
    account="pusher@example.iam.gserviceaccount.com",
)
URL = "https://feedback.example.com/v1/channels/google_business/01JPQ3M8K2N2P9X4ABCDEFGHJK"
REVIEW = "accounts/1001/locations/2002/reviews/AbFvOqkExample"
FETCH = Fetch(f"review:{REVIEW}", {"review": REVIEW})
KEYS = {"https://www.googleapis.com/oauth2/v3/certs": jwks("key-1")}
AT = datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC)
CLAIMS = {
    "iss": "https://accounts.google.com",
    "aud": "hearback-reviews",
    "email": "pusher@example.iam.gserviceaccount.com",
    "email_verified": True,
    "iat": 1773912880,
    "exp": 1773916480,
}


def bearing(**claims: object) -> Proof:
    """https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions"""
    token = jwt.encode({**CLAIMS, **claims}, rsa_key(), algorithm="RS256", headers={"kid": "key-1"})
    return URL, {"content-type": "application/json", "authorization": f"Bearer {token}"}


def sign(_: bytes) -> Proof:
    """A token of Google's; it does not cover the body."""
    return bearing()


def reply(call: Call, content: bytes) -> bytes:
    """A token first, then the review."""
    return b'{"access_token": "test-access-token"}' if call.url == TOKENS else content


CASES = [
    Case(
        adapter="google_business",
        sample="google_business/pubsub_push_new_review.json",
        secrets=SECRETS,
        options=NoOptions(),
        at=AT,
        covers_body=False,
        sign=sign,
        keys=KEYS,
        identity=["message.data"],
        fetches=[FETCH],
    ),
]

PULLS = [
    Pull(
        adapter="google_business",
        sample="google_business/api_review.json",
        secrets=SECRETS,
        at=AT,
        fetch=FETCH,
        reply=reply,
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "AbFvOqkExample",
                "time": "2026-03-19T09:34:44+00:00",
                "data": {
                    "channel": "review",
                    "text": "Long queue, nobody at the desk.",
                    "rating": 2,
                    "scale_min": 1,
                    "scale_max": 5,
                    "author": "Emily A",
                    "touchpoint": "2002",
                    "revision": 827228084,
                },
            },
        ],
    ),
]
