"""Salesforce: a closed case that is a complaint and holds a score, in one message, and a hundred of them."""

import dataclasses
import re
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.questions import Question
from services.ingest.adapters.salesforce import Options
from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import SAMPLES, Case, Proof

TOKEN = "a-token-of-the-test-only"
URL = f"https://feedback.example.com/v1/channels/salesforce/0192f0c1-0000-7000-8000-000000000009?token={TOKEN}"
ACK = (SAMPLES / "salesforce/outbound_message_ack.xml").read_bytes()


def sign(body: bytes) -> Proof:
    """Salesforce signs nothing; the token stands behind the URL."""
    return URL, {"content-type": "text/xml; charset=UTF-8", "soapaction": '""'}


def events(case: str, number: str) -> list[dict[str, Any]]:
    """What a notification of the sample says."""
    common: dict[str, Any] = {"channel": "phone", "interaction_id": case, "tags": {"case_number": number}, "revision": 827227529}
    answer = {"question": "CSAT_Score__c", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}
    return [
        {
            "type": "feedback.complaint_raised.v1",
            "id": f"{case}:complaint",
            "time": "2026-03-18T04:25:20+00:00",
            "data": common | {"text": "[no text]", "severity": "high"},
        },
        {
            "type": "interaction.completed.v1",
            "id": f"{case}:closed",
            "time": "2026-03-19T09:25:29+00:00",
            "data": common | {"category": "Complaint", "disposition": "Closed"},
        },
        {
            "type": "feedback.survey_answered.v1",
            "id": f"{case}:survey",
            "time": "2026-03-19T09:25:29+00:00",
            "data": common | {"survey": "case_fields", "answers": [answer]},
        },
    ]


def hundred(body: bytes) -> bytes:
    """The sample with its notification a hundred times, each of another case."""
    found = re.search(rb"<Notification>.*</Notification>", body, re.DOTALL)
    assert found is not None
    several = (found[0].replace(b"00001026", b"%08d" % n).replace(b"500000000000001AAA", b"500000000000%03dAAA" % n) for n in range(100))
    return body.replace(found[0], b"".join(several))


CLOSED = Case(
    adapter="salesforce",
    sample="salesforce/outbound_message_case.xml",
    secrets=TokenSecrets(token=TOKEN),
    options=Options(
        organization="00D000000000001EAA",
        questions={"CSAT_Score__c": Question(instrument="csat", scale_min=1, scale_max=5)},
    ),
    at=datetime(2026, 3, 19, 9, 25, 31, tzinfo=UTC),
    sign=sign,
    media="xml",
    covers_body=False,
    answer=Answer(200, ACK, "text/xml"),
    identity=["Body.notifications.Notification.sObject.Id"],
    proof_members=["Body.notifications.OrganizationId"],
    expected=events("500000000000001AAA", "00001026"),
)
CASES = [
    CLOSED,
    dataclasses.replace(
        CLOSED,
        name="with the details of a complaint",
        changed=lambda body: (
            body.replace(
                b"<sf:Status>Closed",
                b"<sf:Subject>Charged twice</sf:Subject><sf:Description>In March &amp; April</sf:Description>"
                b"<sf:ContactId>003000000000001AAA</sf:ContactId><sf:SuppliedEmail>emily@example.com</sf:SuppliedEmail><sf:SystemModstamp>2026-03-19T08:00:00.000Z"
                b"</sf:SystemModstamp><sf:Status>New",
            )
            .replace(b"<sf:ClosedDate>2026-03-19T09:25:29.000Z</sf:ClosedDate>", b'<sf:ClosedDate xsi:nil="true"/>')
            .replace(b"<sf:CSAT_Score__c>4.0</sf:CSAT_Score__c>", b"")
        ),
        identity=[*CLOSED.identity, "Body.notifications.Notification.sObject"],
        expected=[
            {
                "type": "feedback.complaint_raised.v1",
                "id": "500000000000001AAA:complaint",
                "time": "2026-03-18T04:25:20+00:00",
                "data": {
                    "channel": "phone",
                    "interaction_id": "500000000000001AAA",
                    "customer": {"id": "003000000000001AAA", "email": "emily@example.com"},
                    "tags": {"case_number": "00001026"},
                    "revision": 827222400,
                    "text": "Charged twice\n\nIn March & April",
                    "severity": "high",
                },
            }
        ],
    ),
]
A_HUNDRED = dataclasses.replace(
    CLOSED, changed=hundred, expected=[event for n in range(100) for event in events(f"500000000000{n:03d}AAA", f"{n:08d}")]
)
ELSEWHERE = {"salesforce/outbound_message_ack.xml": "the answer of every case here"}
