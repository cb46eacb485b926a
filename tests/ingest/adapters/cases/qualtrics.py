"""Qualtrics: a form that names a response, and the response as the API gives it."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.qualtrics import Options, Secrets
from services.ingest.adapters.questions import Question
from tests.ingest.adapters.case import Case, Proof, Pull

SECRETS = Secrets(token="qualtrics-token-0001", api_token="test-api-token")
OPTIONS = Options(data_center="fra1", questions={"QID2": Question(instrument="csat", scale_min=1, scale_max=5)})
URL = "https://feedback.example.com/v1/channels/qualtrics/01JPQ3M8K2N2P9X4ABCDEFGHJK"
FETCH = Fetch("response:SV_aaaaaaaaaaaaaaa:R_2uX1mSmsWvXJkYz", {"survey": "SV_aaaaaaaaaaaaaaa", "response": "R_2uX1mSmsWvXJkYz"})
AT = datetime(2026, 3, 19, 10, 3, tzinfo=UTC)


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token=qualtrics-token-0001", {"content-type": "application/x-www-form-urlencoded"}


CASES = [
    Case(
        adapter="qualtrics",
        sample="qualtrics/completed_response.txt",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        media="form",
        covers_body=False,
        sign=sign,
        identity=["SurveyID", "ResponseID"],
        fetches=[FETCH],
    ),
]

PULLS = [
    Pull(
        adapter="qualtrics",
        sample="qualtrics/api_get_response.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        fetch=FETCH,
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "R_2uX1mSmsWvXJkYz",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "email",
                    "survey": "SV_aaaaaaaaaaaaaaa",
                    "customer": {"id": "C-10042"},
                    "language": "en",
                    "answers": [
                        {"question": "QID1", "instrument": "nps", "score": 9},
                        {"question": "QID2", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                        {"question": "QID3_TEXT", "instrument": "text", "text": "Agent solved it"},
                    ],
                },
            }
        ],
    ),
]
