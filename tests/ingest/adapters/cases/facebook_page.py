"""Facebook Page: a comment added, edited, answered by the Page itself; a recommendation; the check of the URL."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters import instagram
from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.facebook_page import Options, Secrets
from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.meta_messages import MessageOptions
from tests.ingest.adapters.case import SAMPLES, Case, Proof, Vector, event
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


def case(file: str, *identity: str, proof: Callable[[bytes], Proof] = sign, **more: Any) -> Case:
    """A request of Meta's."""
    return Case(
        adapter="facebook_page",
        sample=f"facebook_page/{file}",
        secrets=SECRETS,
        options=Options(),
        at=AT,
        sign=proof,
        identity=identity,
        **more,
    )


CASES = [
    case(
        "feed_comment_add.json",
        *COMMENT,
        expected=[
            event(
                "feedback.comment_posted",
                "300000000000007_400000000000011",
                "09:34:45",
                channel="social",
                reply_to="100000000000001_300000000000007",
                url="https://www.facebook.example.com/permalink/300000000000007",
                text="I was charged twice – äußerst enttäuscht 😡",
                **EMILY,
            )
        ],
    ),
    case(
        "feed_comment_edited.json",
        *COMMENT,
        expected=[
            event(
                "feedback.comment_posted",
                "300000000000007_400000000000011",
                "09:34:45",
                channel="social",
                reply_to="100000000000001_300000000000007",
                text="I was charged twice. Update: refund promised.",
                revision=827228400,
                **EMILY,
            )
        ],
    ),
    case(
        "feed_comment_by_page_itself.json",
        *COMMENT,
        expected=[
            event(
                "interaction.replied",
                "300000000000007_400000000000012",
                "09:42:00",
                by="human",
                public=True,
                text="Sorry about that, we are looking into it.",
                thread="300000000000007_400000000000011",
                channel="social",
            )
        ],
    ),
    case(
        "ratings_recommendation.json",
        *("entry.changes.value.open_graph_story_id", "entry.changes.value.item", "entry.changes.field", "entry.field"),
        expected=[
            event(
                "feedback.comment_posted",
                "500000000000021",
                "10:02:41",
                channel="review",
                text="Café delivery was late twice.",
                rating=0,
                scale_min=0,
                scale_max=1,
                **EMILY,
            )
        ],
    ),
    case(
        "get_verification.txt",
        proof=ask,
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
