"""SendGrid: a mail as a multipart form, its sender proven by DKIM; what became of mails of ours, signed."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.ingest.adapters.mail import Mails
from services.ingest.adapters.sendgrid import Secrets
from shared.contracts.identity import address_hash
from tests.ingest.adapters.case import Case, Proof, Vector, event
from tests.ingest.adapters.keypairs import ec_key

TOKEN = "sendgrid-token-0001"
URL = "https://feedback.example.com/v1/channels/sendgrid/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token={TOKEN}", {"content-type": "multipart/form-data; boundary=xYzZY"}


def expected(type: str, **data: object) -> list[dict[str, object]]:
    """The event, as the options have it taken."""
    customer = {"email": "emily@example.com", "name": "Emily Adams", "email_verified": True}
    return [
        {
            "type": type,
            "id": "CAJ-example-0001@mail.example.com",
            "time": "2026-03-19T09:34:46+00:00",
            "data": {"text": "Double charge\n\nI was charged twice this month.", **data, "channel": "email", "customer": customer},
        }
    ]


PUBLIC_KEY = base64.b64encode(
    ec_key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
SIGNED_AT = "1773912895"


def sign_events(body: bytes) -> Proof:
    """https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features"""
    signature = ec_key().sign(SIGNED_AT.encode() + body, ec.ECDSA(hashes.SHA256()))
    return f"{URL}?token={TOKEN}", signed_headers(SIGNED_AT, base64.b64encode(signature).decode())


def signed_headers(timestamp: str, signature: str) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-twilio-email-event-webhook-timestamp": timestamp,
        "x-twilio-email-event-webhook-signature": signature,
    }


def unsigned(_: bytes) -> Proof:
    """Where the signature is not switched on."""
    return f"{URL}?token={TOKEN}", {"content-type": "application/json"}


def failed(id: str, second: int, email: str, reason: str, permanent: bool, **about: str) -> dict[str, object]:
    """One mail that did not arrive."""
    told: dict[str, Any] = {"reason": reason, "permanent": permanent, **about}
    return event("message.delivery_failed", id, f"09:34:{second}", channel="email", address_hash=address_hash(email), **told)


FAILED = [
    failed("Ym91bmNlLTAtMTAwMC1FWEFNUExF", 45, "emily@example.com", "5.1.1", True, invitation="0192f0c1-2222"),
    failed("YmxvY2tlZC0wLTEwMDAtRVhBTVBMRQ", 46, "sam@example.com", "4.7.1", False, case="0190f3c2-7c1e"),
    failed("ZHJvcC0wLTEwMDAtRVhBTVBMRQ", 47, "kim@example.com", "Bounced Address", True, invitation="0192f0c1-3333"),
    failed("c3BhbS0wLTEwMDAtRVhBTVBMRQ", 48, "lee@example.com", "Complaint", True, invitation="0192f0c1-4444"),
]
CASES = [
    *(
        Case(
            adapter="sendgrid",
            sample="sendgrid/inbound_parse.txt",
            secrets=Secrets(token=TOKEN),
            options=options,
            at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
            media="multipart",
            covers_body=False,
            sign=sign,
            identity=["headers"],
            expected=events,
            name=name,
        )
        for name, options, events in (
            ("as a message", Mails(), expected("feedback.message_received.v1", thread="CAJ-example-0001@mail.example.com")),
            (
                "as a complaint",
                Mails(treat_as="complaint"),
                expected("feedback.complaint_raised.v1", interaction_id="CAJ-example-0001@mail.example.com"),
            ),
        )
    ),
    *(
        Case(
            adapter="sendgrid",
            sample="sendgrid/event_webhook.json",
            secrets=secrets,
            options=Mails(),
            at=datetime(2026, 3, 19, 9, 35, tzinfo=UTC),
            sign=sign,
            covers_body=signed,
            timestamped=signed,
            fresh_for=timedelta(hours=25),
            identity=["sg_event_id"],
            expected=FAILED,
            passed_over={"delivery_status": 1, "other_event": 2},
            name=name,
        )
        for name, secrets, sign, signed in (
            ("", Secrets(token=TOKEN, verification_key=PUBLIC_KEY), sign_events, True),
            ("unsigned", Secrets(token=TOKEN), unsigned, False),
        )
    ),
]

PUBLISHED = [
    {
        "email": "hello@world.com",
        "event": "dropped",
        "reason": "Bounced Address",
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
        "timestamp": 1600112492,
    }
]
"""https://github.com/sendgrid/sendgrid-python test/unit/test_eventwebhook.py"""
VECTORS = [
    Vector(
        adapter="sendgrid",
        name=name,
        secrets=Secrets(
            token=TOKEN,
            verification_key="MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaIN"
            "XvVpiglSI8eNEc6wEA3F+g==",
        ),
        options=Mails(),
        at=datetime(2020, 9, 14, 19, 41, 43, tzinfo=UTC),
        url=f"{URL}?token={TOKEN}",
        headers=signed_headers(
            timestamp,
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        ),
        body=json.dumps(PUBLISHED, sort_keys=True, separators=(",", ":")).encode() + end,
        holds=holds,
    )
    for name, timestamp, end, holds in (
        ("its library's signature", "1600112502", b"\r\n", True),
        ("without the line end that is signed", "1600112502", b"", False),
        ("another timestamp", "1600112503", b"\r\n", False),
    )
]
