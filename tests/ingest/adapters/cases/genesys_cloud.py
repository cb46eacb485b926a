"""Genesys Cloud: an end, a queue left and one given up, a survey; a conversation's figures, made from the fields of the SDK."""

import dataclasses
import json
from datetime import UTC, datetime

from services.ingest.adapters.adapter import Call, Fetch
from services.ingest.adapters.genesys_cloud import Options, Secrets
from services.ingest.adapters.questions import Question
from tests.ingest.adapters.case import Case, Proof, Pull, with_members

TOKEN = "a-token-of-the-test-only"
URL = "https://feedback.example.com/v1/channels/genesys_cloud/0192f0c1-0000-7000-8000-000000000001"
CONVERSATION = "97b9dcb3-1111-2222-3333-444455556666"
SURVEY = "3c1d1b1e-6b1b-4b55-9d0b-0f5f1e2d3c09"
OPTIONS = Options(
    organization="11111111-2222-3333-4444-555555555555",
    region="mypurecloud.de",
    questions={"a0000000-0000-4000-8000-000000000012": Question(instrument="csat", scale_min=1, scale_max=5)},
)
SIGNED_IN = Secrets(token=TOKEN, client_id="client-1", client_secret="client-secret-1")


def sign(body: bytes) -> Proof:
    """What the connection of an API destination adds."""
    return URL, {"content-type": "application/json; charset=utf-8", "x-hearback-token": TOKEN}


def vendor(call: Call, asked_for: bytes) -> bytes:
    """The Platform API with one finished survey."""
    if call.url.endswith("/oauth/token"):
        return b'{"access_token": "token-1", "token_type": "bearer", "expires_in": 86399}'
    if call.url.endswith("/details/query"):
        found = {"surveyId": SURVEY, "surveyStatus": "Finished", "surveyCompletedDate": "2026-03-19T10:02:41.000Z"}
        return json.dumps({"conversations": [{"conversationId": CONVERSATION, "surveys": [found]}], "totalHits": 1}).encode()
    return asked_for


ENDED = Case(
    adapter="genesys_cloud",
    sample="genesys_cloud/conversation_customer_end.json",
    secrets=Secrets(token=TOKEN),
    options=OPTIONS,
    at=datetime(2026, 3, 19, 9, 15, 13, tzinfo=UTC),
    sign=sign,
    covers_body=False,
    identity=["detail.eventBody.conversationId"],
    proof_members=["source"],
    expected=[
        {
            "type": "interaction.completed.v1",
            "id": CONVERSATION,
            "time": "2026-03-19T09:15:12.128000+00:00",
            "data": {
                "channel": "phone",
                "interaction_id": CONVERSATION,
                "customer": {"id": "5b1c2f7a-77aa-4d31-9e6f-8f6f7d6b0a03", "phone": "+14158675309"},
                "direction": "inbound",
                "disposition": "CLIENT",
                "handle_seconds": 342.12,
                "revision": 2,
            },
        }
    ],
)
LEFT = dataclasses.replace(ENDED, sample="genesys_cloud/conversation_acd_end.json", expected=[], passed_over={"left_queue": 1})

CASES = [
    ENDED,
    dataclasses.replace(
        ENDED,
        name="with an OAuth client",
        secrets=SIGNED_IN,
        fetches=[Fetch(f"conversation:{CONVERSATION}", {"conversation": CONVERSATION})],
    ),
    LEFT,
    dataclasses.replace(
        LEFT,
        name="given up",
        changed=lambda body: with_members(body, detail__eventBody__acdOutcome="ABANDON", detail__eventBody__disconnectType="PEER"),
        passed_over={},
        expected=[
            {
                "type": "interaction.completed.v1",
                "id": CONVERSATION,
                "time": "2026-03-19T09:10:02.008000+00:00",
                "data": {
                    "channel": "phone",
                    "interaction_id": CONVERSATION,
                    "customer": {"phone": "+14158675309"},
                    "direction": "inbound",
                    "disposition": "PEER",
                    "wait_seconds": 47.88,
                    "abandoned": True,
                    "tags": {"queue_id": "c3e1c9b0-1d0a-4f0e-a6f6-5f0b7d3e4d07"},
                    "revision": 1,
                },
            }
        ],
    ),
]

PULLS = [
    Pull(
        adapter="genesys_cloud",
        sample="genesys_cloud/survey_finished.json",
        secrets=SIGNED_IN,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 10, 15, tzinfo=UTC),
        fetch=Fetch("surveys"),
        reply=vendor,
        identity=["id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": SURVEY,
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "web",
                    "survey": "4a7b2c9d-0000-4000-8000-000000000010",
                    "interaction_id": CONVERSATION,
                    "agent": "7a2b9d10-9c5a-4b0e-8a0f-2e6f5d4c3b08",
                    "team": "Billing",
                    "tags": {"queue_id": "c3e1c9b0-1d0a-4f0e-a6f6-5f0b7d3e4d07"},
                    "answers": [
                        {
                            "question": "a0000000-0000-4000-8000-000000000012",
                            "instrument": "csat",
                            "score": 4,
                            "scale_min": 1,
                            "scale_max": 5,
                        },
                        {"question": "a0000000-0000-4000-8000-000000000014", "instrument": "nps", "score": 9},
                        {
                            "question": "a0000000-0000-4000-8000-000000000014",
                            "instrument": "text",
                            "text": "Agent solved it on the first call",
                        },
                        {
                            "question": "a0000000-0000-4000-8000-000000000015",
                            "instrument": "text",
                            "text": "Wait time was a bit long",
                        },
                    ],
                },
            }
        ],
    ),
    Pull(
        adapter="genesys_cloud",
        sample="genesys_cloud/conversation_details.json",
        secrets=SIGNED_IN,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 9, 20, tzinfo=UTC),
        fetch=Fetch(f"conversation:{CONVERSATION}", {"conversation": CONVERSATION}),
        reply=vendor,
        identity=["conversationId"],
        expected=[
            {
                "type": "interaction.completed.v1",
                "id": CONVERSATION,
                "time": "2026-03-19T09:15:12.128000+00:00",
                "data": {
                    "channel": "phone",
                    "interaction_id": CONVERSATION,
                    "customer": {"id": "x-1", "phone": "+14158675309"},
                    "direction": "inbound",
                    "agent": "u-2",
                    "disposition": "CLIENT",
                    "handle_seconds": 342.12,
                    "wait_seconds": 47.88,
                    "transfers": 1,
                    "abandoned": False,
                    "handled_by": "human",
                    "revision": 3,
                },
            }
        ],
    ),
]
