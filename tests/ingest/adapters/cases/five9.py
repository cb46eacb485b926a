"""Five9: a contact with its disposition, and the rating in a call variable."""

from datetime import UTC, datetime

from services.ingest.adapters import five9
from services.ingest.adapters.schemes import SchemeSecrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/five9/01JPQ3M8K2N2P9X4ABCDEFGHJK"
COMMON = {
    "channel": "phone",
    "interaction_id": "94EC5C196B8F4AF2B8213CEB2E3A02EF",
    "agent": "priya@example.com",
    "touchpoint": "Inbound Billing",
    "customer": {"id": "C-10042", "phone": "4158675309"},
}


def sign(_: bytes) -> Proof:
    return URL, {"content-type": "application/json", "x-hearback-token": "test-five9-token"}


CASES = [
    Case(
        adapter="five9",
        sample="five9/interaction_dispositioned.json",
        secrets=SchemeSecrets(secret="test-five9-token"),
        options=five9.ADAPTER.options(),
        at=datetime(2026, 3, 19, 10, 3, tzinfo=UTC),
        sign=sign,
        covers_body=False,
        identity=["interactionId"],
        expected=[
            {
                "type": "interaction.completed.v1",
                "id": "94EC5C196B8F4AF2B8213CEB2E3A02EF",
                "time": "2026-03-19T09:55:20.512000+00:00",
                "data": {**COMMON, "disposition": "Resolved - First Contact", "handled_by": "human"},
            },
            {
                "type": "feedback.survey_answered.v1",
                "id": "94EC5C196B8F4AF2B8213CEB2E3A02EF:csat",
                "time": "2026-03-19T09:55:20.512000+00:00",
                "data": {
                    **COMMON,
                    "survey": "five9_csat",
                    "answers": [{"question": "csat", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}],
                },
            },
        ],
    )
]
