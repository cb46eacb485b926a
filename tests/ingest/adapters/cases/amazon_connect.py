"""Amazon Connect: the event of a contact's end, its record, alone and in Firehose's envelope, an analysis of Contact Lens."""

import base64
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.amazon_connect import Options
from services.ingest.adapters.questions import Question
from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import Case, Proof, Seal, with_members

TOKEN = "a-token-of-the-test-only"
URL = "https://feedback.example.com/v1/channels/amazon_connect/0192f0c1-0000-7000-8000-000000000002"
QUESTIONS = {"csat_score": Question(instrument="csat", scale_min=1, scale_max=5), "fcr": Question(instrument="yes_no")}
AT = datetime(2026, 3, 4, 18, 30, tzinfo=UTC)


def over_eventbridge(body: bytes) -> Proof:
    """What the connection of an API destination adds."""
    return URL, {"content-type": "application/json; charset=utf-8", "x-hearback-token": TOKEN}


def over_firehose(body: bytes) -> Proof:
    """What a Firehose stream sends with its HTTP endpoint."""
    return URL, {
        "content-type": "application/json",
        "x-amz-firehose-protocol-version": "1.0",
        "x-amz-firehose-request-id": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f",
        "x-amz-firehose-access-key": TOKEN,
    }


def enveloped(content: bytes) -> bytes:
    """Firehose's envelope with one record."""
    records = [{"data": base64.b64encode(content).decode()}]
    return json.dumps({"requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f", "timestamp": 1772649000000, "records": records}).encode()


def delivered(body: bytes) -> bytes:
    """The record in the envelope."""
    return base64.b64decode(json.loads(body)["records"][0]["data"])


EVENT = Case(
    adapter="amazon_connect",
    sample="amazon_connect/contact_event_disconnected.json",
    secrets=TokenSecrets(token=TOKEN),
    options=Options(),
    at=AT,
    sign=over_eventbridge,
    covers_body=False,
    identity=["detail.contactId"],
    expected=[
        {
            "type": "interaction.completed.v1",
            "id": "11111111-1111-4111-8111-111111111111",
            "time": "2026-03-04T17:43:47+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": "11111111-2222-4333-8444-555555555555",
                "direction": "inbound",
                "agent": "ffffffff-0000-4111-8222-333333333333",
                "tags": {"queue_id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"},
                "wait_seconds": 5.0,
                "handle_seconds": 878.0,
                "abandoned": False,
                "handled_by": "human",
                "disposition": "CUSTOMER_DISCONNECT",
            },
        }
    ],
)

CONTACT = "5f0a1b2c-3d4e-4f50-8a6b-7c8d9e0f1a2b"
COMMON: dict[str, Any] = {
    "channel": "phone",
    "interaction_id": CONTACT,
    "customer": {"id": "C-10042", "phone": "+14158675309"},
    "team": "Billing",
    "agent": "priya",
    "tags": {"queue_id": "q-1"},
    "revision": 825963701,
}
RECORD = dataclasses.replace(
    EVENT,
    sample="amazon_connect/contact_record_ctr.json",
    options=Options(questions=QUESTIONS),
    identity=["ContactId"],
    expected=[
        {
            "type": "interaction.completed.v1",
            "id": CONTACT,
            "time": "2026-03-04T18:20:12+00:00",
            "data": COMMON
            | {
                "direction": "inbound",
                "wait_seconds": 48,
                "handle_seconds": 470,
                "abandoned": False,
                "transfers": 0,
                "handled_by": "human",
                "disposition": "CUSTOMER_DISCONNECT",
            },
        },
        {
            "type": "feedback.survey_answered.v1",
            "id": f"{CONTACT}:survey",
            "time": "2026-03-04T18:20:12+00:00",
            "data": COMMON
            | {
                "survey": "contact_attributes",
                "answers": [
                    {"question": "csat_score", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                    {"question": "fcr", "instrument": "yes_no", "score": 1},
                ],
            },
        },
    ],
)

ANALYSIS = dataclasses.replace(
    EVENT,
    sample="amazon_connect/contact_lens_post_call.json",
    identity=["CustomerMetadata.ContactId"],
    expected=[
        {
            "type": "feedback.comment_posted.v1",
            "id": f"{CONTACT}:lens",
            "time": "2026-03-04T18:30:00+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": CONTACT,
                "language": "en-US",
                "text": "I was charged twice this month.",
                "tags": {"category": "Complaint-Billing"},
                "rating": -1.2,
                "scale_min": -5,
                "scale_max": 5,
            },
        }
    ],
)

CASES = [
    EVENT,
    dataclasses.replace(
        EVENT,
        name="of another kind",
        changed=lambda body: with_members(body, detail__eventType="QUEUED"),
        expected=[],
        passed_over={"other_event": 1},
        identity=["detail.eventType", "detail.contactId"],
    ),
    RECORD,
    dataclasses.replace(
        RECORD,
        name="in Firehose's envelope",
        sign=over_firehose,
        changed=enveloped,
        seal=Seal(open=delivered, close=enveloped),
        answer=Answer(200, b'{"requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f", "timestamp": 1772649000000}', "application/json"),
    ),
    dataclasses.replace(
        RECORD,
        name="the envelope itself",
        sign=over_firehose,
        changed=enveloped,
        identity=["records"],
        answer=Answer(200, b'{"requestId": "ed4acda5-034f-9f42-bba1-f29aea6d7d8f", "timestamp": 1772649000000}', "application/json"),
    ),
    ANALYSIS,
    dataclasses.replace(
        ANALYSIS,
        name="with a category that is a complaint",
        options=Options(complaint_categories=frozenset({"Complaint-Billing"})),
        expected=[
            {
                "type": "feedback.complaint_raised.v1",
                "id": f"{CONTACT}:lens",
                "time": "2026-03-04T18:30:00+00:00",
                "data": {
                    "channel": "phone",
                    "interaction_id": CONTACT,
                    "language": "en-US",
                    "text": "I was charged twice this month.",
                    "category": "Complaint-Billing",
                    "tags": {"sentiment": "-1.2"},
                },
            }
        ],
    ),
]
