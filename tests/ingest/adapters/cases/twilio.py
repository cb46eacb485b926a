"""Twilio: a text message with a score, digits on a call, a call's end, a task's end, fates of messages of ours."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.questions import Question
from services.ingest.adapters.twilio import NO_CONTENT, NOTHING_TO_SAY, Options, Secrets
from tests.ingest.adapters.case import Case, Proof, Vector
from tests.ingest.adapters.signing import base64_hmac

TOKEN = "12345"
SMS, CALL, TASK = (f"{kind}0123456789abcdef0123456789abcdef" for kind in ("SM", "CA", "WT"))
PHONE = "+14158675309"


def signed_for(url: str, token: str = TOKEN) -> Callable[[bytes], Proof]:
    """https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

    def sign(body: bytes) -> Proof:
        pairs = sorted(set(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)))
        signed = url + "".join(name + value for name, value in pairs)
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": base64_hmac(token, signed.encode(), "sha1"),
        }
        return url, headers

    return sign


def case(file: str, identity: list[str], answer: Answer, expected: list[dict[str, Any]], query: str = "", **more: Any) -> Case:
    """A request of a form of Twilio's."""
    return Case(
        adapter="twilio",
        sample=f"twilio/{file}.txt",
        secrets=Secrets(auth_token=TOKEN),
        at=datetime(2026, 3, 19, 9, 16, tzinfo=UTC),
        sign=signed_for(f"https://feedback.example.com/hooks/twilio/{file}{query}"),
        media="form",
        identity=identity,
        answer=answer,
        expected=expected,
        **{"options": Options(), **more},
    )


MESSAGE = case(
    "sms_inbound",
    ["MessageSid"],
    NOTHING_TO_SAY,
    [
        {
            "type": "feedback.message_received.v1",
            "id": SMS,
            "time": "2026-03-19T09:16:00+00:00",
            "data": {
                "channel": "sms",
                "customer": {"phone": PHONE, "phone_verified": True},
                "text": "9 quick and friendly",
                "thread": PHONE,
            },
        }
    ],
)
SCORE = dataclasses.replace(
    MESSAGE,
    name="as an answer",
    options=Options(survey="after_delivery", questions={"sms": Question(instrument="nps")}),
    expected=[
        {
            "type": "feedback.survey_answered.v1",
            "id": SMS,
            "time": "2026-03-19T09:16:00+00:00",
            "data": {
                "channel": "sms",
                "customer": {"phone": PHONE, "phone_verified": True},
                "survey": "after_delivery",
                "answers": [
                    {"question": "sms", "instrument": "nps", "score": 9},
                    {"question": "sms", "instrument": "text", "text": "quick and friendly"},
                ],
            },
        }
    ],
)
DIGITS = case(
    "voice_gather_digits",
    ["CallSid"],
    NOTHING_TO_SAY,
    [
        {
            "type": "feedback.survey_answered.v1",
            "id": f"{CALL}:digits",
            "time": "2026-03-19T09:16:00+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": CALL,
                "customer": {"phone": PHONE},
                "survey": "twilio",
                "answers": [{"question": "digits", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}],
            },
        }
    ],
)
STATUS = case(
    "voice_status_callback",
    ["CallSid"],
    NO_CONTENT,
    [
        {
            "type": "interaction.completed.v1",
            "id": CALL,
            "time": "2026-03-19T09:15:12+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": CALL,
                "customer": {"phone": PHONE},
                "direction": "inbound",
                "handle_seconds": 342,
                "disposition": "completed",
            },
        }
    ],
)
COMPLETED = case(
    "taskrouter_task_completed",
    ["TaskAttributes", "TaskSid"],
    NO_CONTENT,
    [
        {
            "type": "interaction.completed.v1",
            "id": CALL,
            "time": "2026-03-19T09:15:12.311000+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": CALL,
                "customer": {"phone": PHONE},
                "team": "Billing",
                "wait_seconds": 48,
                "handle_seconds": 364,
                "abandoned": False,
                "disposition": "resolved",
                "revision": 2,
            },
        }
    ],
)
FATE = (
    b"MessageSid="
    + SMS.encode()
    + b"&MessageStatus=undelivered&ErrorCode=30003&To=whatsapp%3A%2B14158675309&From=whatsapp%3A%2B18005551212"
)

CASES = [
    MESSAGE,
    SCORE,
    dataclasses.replace(
        MESSAGE,
        name="over WhatsApp",
        changed=lambda body: body.replace(b"From=%2B", b"From=whatsapp%3A%2B").replace(b"Body=9+quick", b"Body=Quick"),
        expected=[
            {
                "type": "feedback.message_received.v1",
                "id": SMS,
                "time": "2026-03-19T09:16:00+00:00",
                "data": {
                    "channel": "messaging",
                    "customer": {"phone": PHONE, "phone_verified": True},
                    "text": "Quick and friendly",
                    "thread": f"whatsapp:{PHONE}",
                },
            }
        ],
    ),
    dataclasses.replace(
        MESSAGE,
        name="of one who wants none any more",
        changed=lambda body: body + b"&OptOutType=STOP",
        expected=[
            {
                "type": "feedback.message_received.v1",
                "id": SMS,
                "time": "2026-03-19T09:16:00+00:00",
                "data": {"channel": "sms", "customer": {"phone": PHONE, "phone_verified": True}, "text": "STOP", "thread": PHONE},
            }
        ],
    ),
    DIGITS,
    dataclasses.replace(
        DIGITS,
        name="that the question does not offer",
        changed=lambda body: body.replace(b"Digits=4", b"Digits=9"),
        expected=[],
        passed_over={"not_offered": 1},
        identity=["CallSid", "Digits"],
    ),
    dataclasses.replace(
        DIGITS,
        name="spoken",
        changed=lambda body: body.replace(b"Digits=4", b"SpeechResult=Very+good%21&Confidence=0.9"),
        expected=[
            {
                **DIGITS.expected[0],
                "data": DIGITS.expected[0]["data"] | {"answers": [{"question": "digits", "instrument": "text", "text": "Very good!"}]},
            }
        ],
    ),
    STATUS,
    dataclasses.replace(
        STATUS,
        name="still ringing",
        changed=lambda body: body.replace(b"completed", b"ringing"),
        expected=[],
        passed_over={"still_going_on": 1},
        identity=["CallStatus"],
    ),
    COMPLETED,
    case(
        "sms_inbound",
        ["MessageSid", "MessageStatus"],
        NO_CONTENT,
        [
            {
                "type": "message.delivery_failed.v1",
                "id": f"{SMS}:failed",
                "time": "2026-03-19T09:16:00+00:00",
                "data": {
                    "channel": "messaging",
                    "invitation": "0192f0c1-2222",
                    "address_hash": "2acfa74c08bbd0ebb4dfadc35ed0b0ff1c518b69c940eddcb4a15ca14339c592",
                    "reason": "Twilio error 30003",
                    "permanent": True,
                },
            }
        ],
        query="?invitation=0192f0c1-2222",
        name="undelivered message of ours",
        changed=lambda _: FATE,
    ),
]

PUBLISHED = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309"
PHP = "https://mycompany.com/myapp.php?foo=1&bar=2"


def vector(number: int, url: str, signature: str, body: str = PUBLISHED, holds: bool = True, name: str = "") -> Vector:
    """A signature that Twilio's own library tests with."""
    media_type = "application/json" if body.startswith("{") else "application/x-www-form-urlencoded"
    return Vector(
        adapter="twilio",
        official="twilio",
        number=number,
        name=name,
        secrets=Secrets(auth_token="12345"),
        options=Options(),
        at=datetime(2026, 3, 19, tzinfo=UTC),
        url=url,
        headers={"content-type": media_type, "x-twilio-signature": signature},
        body=body.encode(),
        holds=holds,
    )


JSON = '{"property": "value", "boolean": true}'
COVERED = f"{PHP}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
VECTORS = [
    vector(0, PHP, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    vector(1, PHP, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234"),
    vector(2, "http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    vector(3, "https://mycompany.com:443/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w="),
    vector(3, PHP, "kvajT1Ptam85bY51eRf/AJRuM3w=", name="signed with the port, called without"),
    vector(0, PHP.replace(".com", ".com:443"), "RSOYDt4T1cUTdK1PDd93/VVr8B8=", name="signed without the port, called with it"),
    vector(4, COVERED, "a9nBmqA0ju/hNViExpshrM61xv4=", JSON),
    vector(4, COVERED, "a9nBmqA0ju/hNViExpshrM61xv4=", JSON.replace("true", "false"), holds=False, name="with another body"),
]
