"""Delighted: a response whose comment came later, as its second version."""

from datetime import UTC, datetime

from services.ingest.adapters.delighted import Options, Secrets
from tests.ingest.adapters.case import Case, Proof
from tests.ingest.adapters.signing import hex_hmac

KEY = "test-delighted-api-key"
URL = "https://feedback.example.com/v1/channels/delighted/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(body: bytes) -> Proof:
    """https://app.delighted.com/docs/api/webhooks"""
    return URL, {"content-type": "application/json", "x-delighted-webhook-signature": "sha256=" + hex_hmac(KEY, body)}


CASES = [
    Case(
        adapter="delighted",
        sample="delighted/survey_response_updated.json",
        secrets=Secrets(api_key=KEY),
        options=Options(),
        at=datetime(2024, 11, 21, 11, 10, 45, tzinfo=UTC),
        sign=sign,
        identity=["event_data.id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "5435",
                "time": "2024-11-21T11:00:44+00:00",
                "data": {
                    "channel": "email",
                    "survey": "nps",
                    "customer": {"email": "charlie_gravis@example.com", "name": "Charlie Gravis", "id": "C-10042"},
                    "answers": [{"question": "nps", "instrument": "nps", "score": 9}],
                    "comment": "Your service is fast and flawless!",
                    "revision": 785502644,
                },
            }
        ],
    ),
]
