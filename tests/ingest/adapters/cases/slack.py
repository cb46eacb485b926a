"""Slack: the URL's check, what a colleague heard, edited, deleted; a customer in a shared channel; a bot's words."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.slack import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, Vector, with_members
from tests.ingest.adapters.signing import hex_hmac

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
URL = "https://feedback.example.com/v1/channels/slack/0192f0c1-0000-7000-8000-000000000006"
SIGNED_AT = "1773912885"
ID = "C0FEEDBACK:1773912885.000200"
TEXT = "Customer C-10042 complains about double charge"


def sign(body: bytes) -> Proof:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    signature = "v0=" + hex_hmac(SECRET, f"v0:{SIGNED_AT}:".encode() + body)
    return URL, {"content-type": "application/json", "x-slack-request-timestamp": SIGNED_AT, "x-slack-signature": signature}


def observed(text: str, **more: Any) -> list[dict[str, Any]]:
    """What a colleague heard."""
    data = {"channel": "chat", "method": "staff", "text": text, "tags": {"slack_channel": "C0FEEDBACK", "slack_user": "U0001"}, **more}
    return [{"type": "feedback.observed.v1", "id": ID, "time": "2026-03-19T09:34:45.000200+00:00", "data": data}]


HEARD = Case(
    adapter="slack",
    sample="slack/event_callback_message.json",
    secrets=Secrets(signing_secret=SECRET),
    options=Options(),
    at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
    sign=sign,
    timestamped=True,
    identity=["event.channel", "event.ts"],
    expected=observed(TEXT),
)


def changed(name: str, event: dict[str, Any], expected: list[dict[str, Any]], passed_over: dict[str, int] | None = None) -> Case:
    """Another event about the same message."""
    return dataclasses.replace(
        HEARD,
        name=name,
        changed=lambda body: with_members(body, event=event),
        expected=expected,
        passed_over=passed_over or {},
        identity=["event"],
    )


MESSAGE = {"type": "message", "user": "U0001", "text": "Charged &lt;twice&gt;", "ts": "1773912885.000200"}
CHANNEL = {"type": "message", "channel": "C0FEEDBACK", "channel_type": "channel"}
CASES = [
    HEARD,
    changed(
        "edited",
        {**CHANNEL, "subtype": "message_changed", "message": {**MESSAGE, "edited": {"user": "U0001", "ts": "1773912900.000000"}}},
        observed("Charged <twice>", revision=827228100),
    ),
    changed(
        "deleted",
        {**CHANNEL, "subtype": "message_deleted", "deleted_ts": "1773912885.000200", "previous_message": MESSAGE},
        observed("[removed]", revision=2**31 - 1),
    ),
    changed("preview of a link", {**CHANNEL, "subtype": "message_changed", "message": MESSAGE}, [], {"not_edited": 1}),
    changed("bot", {**CHANNEL, **MESSAGE, "subtype": "bot_message", "bot_id": "B1"}, [], {"own_words": 1}),
    dataclasses.replace(
        HEARD,
        name="by a customer, in a thread",
        options=Options(written_by="customers", channels=frozenset({"C0FEEDBACK"})),
        changed=lambda body: with_members(body, event__thread_ts="1773912000.000100"),
        expected=[
            {
                "type": "feedback.message_received.v1",
                "id": ID,
                "time": "2026-03-19T09:34:45.000200+00:00",
                "data": {
                    "channel": "chat",
                    "interaction_id": "C0FEEDBACK:1773912000.000100",
                    "customer": {"id": "slack:U0001"},
                    "tags": {"slack_channel": "C0FEEDBACK"},
                    "text": TEXT,
                    "thread": "C0FEEDBACK:1773912000.000100",
                },
            }
        ],
    ),
    dataclasses.replace(
        HEARD, name="in another channel", options=Options(channels=frozenset({"C1"})), expected=[], passed_over={"other_channel": 1}
    ),
    dataclasses.replace(
        HEARD,
        sample="slack/url_verification.json",
        expected=[],
        answer=Answer(200, b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"),
    ),
]

VECTORS = [
    Vector(
        adapter="slack",
        official="slack",
        secrets=Secrets(signing_secret=SECRET),
        options=Options(),
        at=datetime(2018, 7, 12, 18, 37, tzinfo=UTC),
        url=URL,
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-slack-request-timestamp": "1531420618",
            "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        body=(
            b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
            b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
            b"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
            b"803a0bc887a14d10d2c447fce8b6703c"
        ),
        holds=True,
    )
]
