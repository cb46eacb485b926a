"""Mailgun: a mail as a form, stripped of its signature; what became of a mail of ours; a token of one use."""

import dataclasses
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from services.ingest.adapters.mail import Mails
from services.ingest.adapters.mailgun import Secrets
from shared.contracts.identity import address_hash
from tests.ingest.adapters.case import Case, Proof, Vector, with_members

KEY = "test-mailgun-signing-key"
TOKEN = "7VwW7k6Ak7zcTwoSoNm7aTtbk1g67MKAnsYLfUB7PdszbgR5Xi"
URL = "https://feedback.example.com/v1/channels/mailgun/01JPQ3M8K2N2P9X4ABCDEFGHJK"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def sign(_: bytes) -> Proof:
    """The signature stands in the sample."""
    return URL, FORM


def sign_event(_: bytes) -> Proof:
    """So does that of an event."""
    return URL, {"content-type": "application/json"}


RECEIVED = Case(
    adapter="mailgun",
    sample="mailgun/route_forward.txt",
    secrets=Secrets(signing_key=KEY),
    options=Mails(),
    at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
    media="form",
    covers_body=False,
    timestamped=True,
    fresh_for=timedelta(hours=9),
    sign=sign,
    proof_members=["timestamp", "token", "signature"],
    identity=["Message-Id", "message-headers"],
    once=TOKEN,
    expected=[
        {
            "type": "feedback.message_received.v1",
            "id": "CAJ-example-0001@mail.example.com",
            "time": "2026-03-19T09:34:44+00:00",
            "data": {
                "text": "Double charge\n\nI was charged twice this month.",
                "thread": "CAJ-example-0001@mail.example.com",
                "channel": "email",
                "customer": {"email": "emily@example.com", "name": "Emily Adams"},
            },
        }
    ],
)
FAILED = Case(
    adapter="mailgun",
    sample="mailgun/event_failed.json",
    secrets=RECEIVED.secrets,
    options=Mails(),
    at=RECEIVED.at,
    covers_body=False,
    timestamped=True,
    fresh_for=timedelta(hours=9),
    sign=sign_event,
    proof_members=["signature"],
    identity=["event-data.id", "event-data.message.headers.message-id"],
    once="8e1c0a54f1b64b0ab7c2b4d1f6a3c9d2e5f70819a2b3c4d5e6",
    expected=[
        {
            "type": "message.delivery_failed.v1",
            "id": "20260319093440.1.8d2a7c1e@mg.example.org:G9Bn5sl1TC6nu79C8C0bwg",
            "time": "2026-03-19T09:34:44.389832+00:00",
            "data": {
                "channel": "email",
                "invitation": "0192f0c1-2222",
                "address_hash": address_hash("emily@example.com"),
                "reason": "bounce 5.1.1",
                "permanent": True,
            },
        }
    ],
)


def no_failure(name: str, reason: str, **members: object) -> Case:
    """Another event, of which nobody need be told."""
    changed = {f"event-data__{member}": value for member, value in members.items()}
    identity = ["event-data"]
    return dataclasses.replace(
        FAILED, name=name, changed=lambda body: with_members(body, **changed), expected=[], passed_over={reason: 1}, identity=identity
    )


CASES = [
    RECEIVED,
    FAILED,
    dataclasses.replace(
        FAILED,
        name="reported as spam, about a case",
        changed=lambda body: with_members(
            body,
            **{"event-data__event": "complained", "event-data__user-variables": {}, "event-data__delivery-status": None},
            **{"event-data__reason": None, "event-data__message__headers__subject": "Your complaint [case 0190f3c2-7c1e]"},
        ),
        identity=["event-data.id", "event-data.message.headers", "event-data.user-variables"],
        expected=[
            {
                **FAILED.expected[0],
                "data": {
                    "channel": "email",
                    "case": "0190f3c2-7c1e",
                    "address_hash": address_hash("emily@example.com"),
                    "reason": "complained",
                    "permanent": True,
                },
            }
        ],
    ),
    no_failure("for now", "delayed", severity="temporary"),
    no_failure("of a mail that is about nothing of ours", "delivery_status", **{"user-variables": {}}),
    no_failure("that arrived", "other_event", event="delivered"),
]

VECTORS = [
    Vector(
        adapter="mailgun",
        official="mailgun",
        secrets=Secrets(signing_key="tbsy84uSV1Kt3ZJZELY2TmShPRs91E3yL4tzf96297vBCkDWgL"),
        options=Mails(),
        at=datetime(2018, 10, 9, 19, 15, 30, tzinfo=UTC),
        url=URL,
        headers=FORM,
        body=urlencode(
            dict(
                parse_qsl("subject=x"),
                timestamp="1539112500",
                token=TOKEN,
                signature="ef24c5225322217bb065b80bb54eb4f9206d764e3e16abab07f0a64d1cf477cc",
            )
        ).encode(),
        holds=True,
    ),
]
