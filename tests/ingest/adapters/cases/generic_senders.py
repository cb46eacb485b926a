"""The generic adapter with the proofs of senders that do not simply sign a body: Twilio, Amazon SNS, Google Pub/Sub, fields of the body."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from services.ingest.adapters.generic import Options
from services.ingest.adapters.mapping import EventMapping, Source
from services.ingest.adapters.schemes import Fields, GooglePush, SchemeSecrets, Sns, Twilio
from tests.ingest.adapters.case import Case, Proof, Seal, event
from tests.ingest.adapters.cases import aws_ses, google_business
from tests.ingest.adapters.cases.generic import URL
from tests.ingest.adapters.signing import base64_hmac

AUTH_TOKEN = "test-auth-token"


def said(id: str, text: str, **more: Any) -> tuple[EventMapping, ...]:
    """A mapping to one message."""
    fields: dict[str, str | Source] = {"text": text, "channel": Source(value="other")}
    return (EventMapping(type="feedback.message_received", id=(id,), fields=fields, **more),)


def heard(id: str, time: str, text: str) -> list[dict[str, Any]]:
    """The message."""
    return [event("feedback.message_received", id, time, text=text, channel="other")]


def sign_as_twilio(body: bytes) -> Proof:
    """https://www.twilio.com/docs/usage/webhooks/webhooks-security"""
    pairs = sorted(set(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
    signed = URL + "".join(name + value for name, value in pairs)
    headers = {"x-twilio-signature": base64_hmac(AUTH_TOKEN, signed.encode(), "sha1")}
    return URL, {"content-type": "application/x-www-form-urlencoded", **headers}


def unsigned(_: bytes) -> Proof:
    """The digest stands in the body."""
    return URL, {"content-type": "application/json"}


CASES = [
    Case(
        adapter="generic",
        sample="twilio/sms_inbound.txt",
        name="by Twilio's signature",
        secrets=SchemeSecrets(secret=AUTH_TOKEN),
        options=Options(scheme=Twilio(), events=said("$.MessageSid", "$.Body")),
        at=datetime(2026, 3, 19, 9, 16, tzinfo=UTC),
        sign=sign_as_twilio,
        media="form",
        identity=["MessageSid"],
        expected=heard("SM0123456789abcdef0123456789abcdef", "09:16:00", "9 quick and friendly"),
    ),
    Case(
        adapter="generic",
        sample="wjx/data_push.json",
        name="by a digest over fields",
        secrets=SchemeSecrets(secret="test-push-key"),
        options=Options(
            scheme=Fields(over=("$.activity", "$.index"), signature="$.sign", algorithm="sha1", digest="hash"),
            events=said("$.joinid", "$.q3", time="$.submittime"),
        ),
        zone=ZoneInfo("Asia/Shanghai"),
        at=datetime(2026, 3, 19, 10, 3, tzinfo=UTC),
        sign=unsigned,
        covers_body=False,
        identity=["joinid"],
        proof_members=["activity", "index", "sign"],
        expected=heard("101812480275", "10:02:41", "客服一次就解决了"),
    ),
    Case(
        adapter="generic",
        sample="mailgun/event_failed.json",
        name="by an HMAC over fields",
        secrets=SchemeSecrets(secret="test-mailgun-signing-key"),
        options=Options(
            scheme=Fields(over=("$.signature.timestamp", "$.signature.token"), signature="$.signature.signature"),
            events=said("$['event-data'].id", "$['event-data'].reason", time="$['event-data'].timestamp", time_written="seconds"),
        ),
        at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
        sign=unsigned,
        covers_body=False,
        identity=["event-data.id"],
        proof_members=["signature"],
        expected=heard("G9Bn5sl1TC6nu79C8C0bwg", "09:34:44.389832", "bounce"),
    ),
    aws_ses.Published(
        adapter="generic",
        sample="aws_ses/received_notification.json",
        name="over SNS",
        secrets=SchemeSecrets(secret=aws_ses.ARN),
        options=Options(scheme=Sns(), events=said("$.mail.messageId", "$.mail.commonHeaders.subject")),
        at=aws_ses.AT,
        sign=aws_ses.sign,
        seal=Seal(open=lambda body: json.loads(body)["Message"].encode(), close=aws_ses.in_envelope),
        keys=aws_ses.KEYS,
        identity=["mail.messageId"],
        proof_members=["Message"],
        expected=heard("d6iitobk75ur44p8kdnnp7g2n800", "09:34:47", "Double charge"),
    ),
    Case(
        adapter="generic",
        sample="google_business/pubsub_push_new_review.json",
        name="by Google's token",
        secrets=SchemeSecrets(secret="pusher@example.iam.gserviceaccount.com"),
        options=Options(scheme=GooglePush(audience="hearback-reviews"), events=said("$.reviewName", "$.notificationType")),
        at=google_business.AT,
        sign=google_business.sign,
        covers_body=False,
        keys=google_business.KEYS,
        identity=["message.data"],
        expected=heard("accounts/1001/locations/2002/reviews/AbFvOqkExample", "09:34:46", "NEW_REVIEW"),
    ),
]
