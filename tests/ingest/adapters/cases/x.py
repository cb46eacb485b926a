"""X: a mention by the older webhook, by the Activity API and by the search; the challenge; both signatures."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Answer, Fetch
from services.ingest.adapters.x import Options, Secrets
from tests.ingest.adapters.case import SAMPLES, Case, Proof, Pull, Vector
from tests.ingest.adapters.signing import base64_hmac

CONSUMER, CLIENT = "test-x-consumer-secret", "test-x-oauth2-client-secret"
OLDER = Secrets(consumer_secret=CONSUMER)
NEWER = Secrets(consumer_secret=CONSUMER, client_secret=CLIENT, bearer_token="test-bearer")
URL = "https://feedback.example.com/v1/channels/x/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
EMILY = {"author": "emily_example", "customer": {"id": "x:1900000000000000042", "name": "Emily Adams"}, "language": "en"}


def sign_older(body: bytes) -> Proof:
    """https://docs.x.com/x-api/webhooks/introduction"""
    return URL, {"content-type": "application/json", "x-twitter-webhooks-signature": "sha256=" + base64_hmac(CONSUMER, body)}


def sign_newer(body: bytes) -> Proof:
    url, headers = sign_older(body)
    return url, {**headers, "x-twitter-webhooks-signature-oauth2": "sha256=" + base64_hmac(CLIENT, body)}


def ask(query: bytes) -> Proof:
    return f"{URL}?{query.decode('latin-1')}", {}


def post(id: str, time: str, text: str, **more: Any) -> dict[str, Any]:
    data = {"channel": "social", "text": text, "url": f"https://x.com/i/web/status/{id}", **EMILY, **more}
    return {"type": "feedback.comment_posted.v1", "id": id, "time": time, "data": data}


CASES = [
    Case(
        adapter="x",
        sample="x/tweet_create_events.json",
        secrets=OLDER,
        options=Options(),
        at=AT,
        sign=sign_older,
        identity=["tweet_create_events.id", "tweet_create_events.id_str"],
        expected=[post("2034567890123456789", "2026-03-19T09:34:45.123000+00:00", "@acme_example charged twice again — café order")],
    ),
    Case(
        adapter="x",
        sample="x/activity_post_mention_create.json",
        secrets=NEWER,
        options=Options(),
        at=AT,
        sign=sign_newer,
        identity=["data.payload.id", "data.payload.edit_history_tweet_ids"],
        expected=[post("2034567890123456790", "2026-03-19T09:34:45+00:00", "@acme_example charged twice again")],
    ),
]

_ACTIVITY = (SAMPLES / "x/activity_post_mention_create.json").read_bytes()
_RIGHT_OLDER = "sha256=dZy8QkK96IIHhcnhIRiPXwafoq8Cq22O5CU54q2/nDI="
_RIGHT_NEWER = "sha256=b3AkKuvcItdsqkPoyQt1q6xFZBP0/9yVY6/JJcTzw7E="

VECTORS = [
    *(
        Vector(
            adapter="x",
            secrets=secrets,
            options=Options(),
            at=AT,
            url=URL,
            headers=headers,
            body=_ACTIVITY,
            holds=holds,
            name=name,
        )
        for name, secrets, headers, holds in (
            (
                "a wrong newer signature beside a right older one",
                NEWER,
                {"x-twitter-webhooks-signature": _RIGHT_OLDER, "x-twitter-webhooks-signature-oauth2": _RIGHT_OLDER},
                False,
            ),
            ("the newer signature alone", NEWER, {"x-twitter-webhooks-signature-oauth2": _RIGHT_NEWER}, True),
            ("the older signature alone", NEWER, {"x-twitter-webhooks-signature": _RIGHT_OLDER}, True),
            (
                "both, where no client secret is known",
                OLDER,
                {"x-twitter-webhooks-signature": _RIGHT_OLDER, "x-twitter-webhooks-signature-oauth2": _RIGHT_NEWER},
                True,
            ),
        )
    ),
    *(
        Vector(
            adapter="x",
            secrets=OLDER,
            options=Options(),
            at=AT,
            url=f"{URL}?{query}",
            headers={},
            body=b"",
            method="GET",
            holds=answer is not None,
            answer=answer,
            name=name,
        )
        for name, query, answer in (
            (
                "the challenge",
                (SAMPLES / "x/crc_request.txt").read_text(),
                Answer(body=b'{"response_token": "sha256=20txKKUvZS3N3Spum5A0Q2sdfcmmL7hpuB/KRPU8Ado="}', media_type="application/json"),
            ),
            ("a body that would be signed for anybody as a challenge", "crc_token=%7B%22for_user_id%22%3A1%7D", None),
            ("no challenge", "", None),
        )
    ),
]

PULLS = [
    Pull(
        adapter="x",
        sample="x/api_recent_search.json",
        secrets=NEWER,
        options=Options(search="@acme_example -from:acme_example -is:retweet", user_id="1900000000000000001"),
        at=AT,
        fetch=Fetch("search"),
        identity=["data.id", "data.edit_history_tweet_ids"],
        expected=[
            post("2034567890123456791", "2026-03-19T10:02:41+00:00", "@acme_example still no refund", reply_to="2034567890123456789")
        ],
    ),
]

ELSEWHERE = {"x/crc_request.txt": "the vector named the challenge: it proves nothing, and asks for a signature of ours"}
