"""AskNicely: numbers and instants as texts, a count as the version."""

from datetime import UTC, datetime

from services.ingest.adapters.asknicely import Options
from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/asknicely/01JPQ3M8K2N2P9X4ABCDEFGHJK"
TOKEN = "asknicely-token-0001"


def sign(_: bytes) -> Proof:
    """A custom header; nothing covers the body."""
    return URL, {"content-type": "application/json", "x-hearback-token": TOKEN}


CASES = [
    Case(
        adapter="asknicely",
        sample="asknicely/response.json",
        secrets=TokenSecrets(token=TOKEN),
        options=Options(),
        at=datetime(2026, 3, 31, 20, 49, tzinfo=UTC),
        covers_body=False,
        sign=sign,
        identity=["question.id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "345094",
                "time": "2026-03-31T20:48:45+00:00",
                "data": {
                    "channel": "email",
                    "survey": "asknicely",
                    "customer": {"email": "tester@example.com", "name": "Firstname Lastname", "segment": "general"},
                    "answers": [{"question": "score", "instrument": "nps", "score": 10}],
                    "comment": "The gym was great, love it!",
                    "revision": 1,
                },
            }
        ],
    ),
]
