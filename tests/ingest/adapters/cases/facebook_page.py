"""Facebook Page: a comment added, edited, answered by the Page itself; a recommendation; the check of the URL."""

import json
from datetime import UTC, datetime

from services.ingest.adapters import instagram
from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.facebook_page import Options, Secrets
from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.meta_messages import MessageOptions
from tests.ingest.adapters.case import SAMPLES, Case, Proof, Vector
from tests.ingest.adapters.signing import hex_hmac

SECRETS = Secrets(app_secret="test-meta-app-secret", verify_token="test-verify-token")
URL = "https://feedback.example.com/v1/channels/facebook_page/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
EMILY = {"author": "Emily Adams", "customer": {"id": "facebook:200000000000042", "name": "Emily Adams"}}
COMMENT = ["entry.id", "entry.changes.value.comment_id", "entry.changes.value.post_id", "entry.changes.value.item"]
COMMENT += ["entry.changes.field", "entry.field"]


def sign(body: bytes) -> Proof:
    """https://developers.facebook.com/docs/graph-api/webhooks/getting-started, "Validating Payloads" """
    return URL, {"content-type": "application/json", "x-hub-signature-256": "sha256=" + hex_hmac("test-meta-app-secret", body)}


def ask(query: bytes) -> Proof:
    return f"{URL}?{query.decode('latin-1')}", {}


CASES = [
    Case(
        adapter="facebook_page",
        sample="facebook_page/feed_comment_add.json",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=sign,
        identity=COMMENT,
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "300000000000007_400000000000011",
                "time": "2026-03-19T09:34:45+00:00",
                "data": {
                    "channel": "social",
                    "reply_to": "100000000000001_300000000000007",
                    "url": "https://www.facebook.example.com/permalink/300000000000007",
                    **EMILY,
                    "text": "I was charged twice – äußerst enttäuscht 😡",
                },
            }
        ],
    ),
    Case(
        adapter="facebook_page",
        sample="facebook_page/feed_comment_edited.json",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=sign,
        identity=COMMENT,
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "300000000000007_400000000000011",
                "time": "2026-03-19T09:34:45+00:00",
                "data": {
                    "channel": "social",
                    "reply_to": "100000000000001_300000000000007",
                    **EMILY,
                    "text": "I was charged twice. Update: refund promised.",
                    "revision": 827228400,
                },
            }
        ],
    ),
    Case(
        adapter="facebook_page",
        sample="facebook_page/feed_comment_by_page_itself.json",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=sign,
        identity=COMMENT,
        expected=[
            {
                "type": "interaction.replied.v1",
                "id": "300000000000007_400000000000012",
                "time": "2026-03-19T09:42:00+00:00",
                "data": {
                    "by": "human",
                    "public": True,
                    "text": "Sorry about that, we are looking into it.",
                    "thread": "300000000000007_400000000000011",
                    "channel": "social",
                },
            }
        ],
    ),
    Case(
        adapter="facebook_page",
        sample="facebook_page/ratings_recommendation.json",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=sign,
        identity=["entry.changes.value.open_graph_story_id", "entry.changes.value.item", "entry.changes.field", "entry.field"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "500000000000021",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "review",
                    **EMILY,
                    "text": "Café delivery was late twice.",
                    "rating": 0,
                    "scale_min": 0,
                    "scale_max": 1,
                },
            }
        ],
    ),
    Case(
        adapter="facebook_page",
        sample="facebook_page/get_verification.txt",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=ask,
        method="GET",
        media="none",
        answer=Answer(body=b"1158201444"),
        proof_members=["hub.mode", "hub.challenge", "hub.verify_token"],
    ),
]

_SENT = (SAMPLES / "facebook_page/feed_comment_add.json").read_bytes()

VECTORS = [
    *(
        Vector(
            adapter=channel,
            official="x-hub-signature-256 (facebook_page, instagram, messenger, whatsapp)",
            secrets=secrets(app_secret="It's a Secret to Everybody", verify_token="test-verify-token"),
            options=options(),
            at=AT,
            url=URL,
            headers={"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
            body=b"Hello, World!",
            holds=True,
            name=channel,
        )
        for channel, secrets, options in (
            ("facebook_page", Secrets, Options),
            ("instagram", instagram.Secrets, instagram.Options),
            ("messenger", MetaSecrets, MessageOptions),
            ("whatsapp", MetaSecrets, Conversations),
        )
    ),
    *(
        Vector(
            adapter="facebook_page",
            secrets=SECRETS,
            options=Options(),
            at=AT,
            url=URL,
            headers={"x-hub-signature-256": "sha256=a5454cbda7136bdd8397443e82b7e78d72829447b1b4e3f6e79fb27bb19c6dc5"},
            body=body,
            holds=holds,
            name=name,
        )
        for name, body, holds in (
            ("as sent", _SENT, True),
            ("parsed and written again", json.dumps(json.loads(_SENT), ensure_ascii=False, indent=2).encode() + b"\n", False),
            ("re-serialised without its escapes", json.dumps(json.loads(_SENT), ensure_ascii=False).encode(), False),
        )
    ),
]
