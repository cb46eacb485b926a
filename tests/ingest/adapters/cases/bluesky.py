"""Bluesky: a mention among the notifications."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Call, Fetch
from services.ingest.adapters.bluesky import Options, Secrets
from tests.ingest.adapters.case import Case, Pull


def reply(call: Call, content: bytes) -> bytes:
    if call.url.endswith("createSession"):
        return b'{"did":"did:plc:examplebrand0000000000001","accessJwt":"test-jwt"}'
    return b'{"posts":[]}' if "getPosts" in call.url else content


PULLS = [
    Pull(
        adapter="bluesky",
        sample="bluesky/list_notifications.json",
        secrets=Secrets(identifier="acme.example.com", app_password="test-app-password"),
        options=Options(),
        at=datetime(2026, 3, 19, 9, 40, tzinfo=UTC),
        fetch=Fetch("notifications"),
        reply=reply,
        identity=["notifications.uri"],
        expected=[
            {
                "type": "feedback.comment_posted.v1",
                "id": "at://did:plc:exampleuser00000000000042/app.bsky.feed.post/3lexample2222",
                "time": "2026-03-19T09:34:45.123000+00:00",
                "data": {
                    "channel": "social",
                    "text": "@acme.example.com charged me twice",
                    "author": "emily.example.com",
                    "url": "https://bsky.app/profile/did:plc:exampleuser00000000000042/post/3lexample2222",
                    "customer": {"id": "bluesky:did:plc:exampleuser00000000000042", "name": "Emily Adams"},
                    "language": "en",
                },
            }
        ],
    ),
]

CASES: list[Case] = []

ELSEWHERE = {
    "bluesky/jetstream_post_mention.json": "not taken: Jetstream cannot filter by the account that is mentioned; the same post comes as a "
    "notification"
}
