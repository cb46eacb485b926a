"""SurveyMonkey: a notification without answers, and the answers, written down after the reference of its API."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.questions import Question
from services.ingest.adapters.surveymonkey import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, Pull
from tests.ingest.adapters.signing import base64_hmac

SECRETS = Secrets(api_key="client-id-1", api_secret="client-secret-1", access_token="test-access-token")
URL = "https://feedback.example.com/v1/channels/surveymonkey/01JPQ3M8K2N2P9X4ABCDEFGHJK"
FETCH = Fetch("response:123456789:987654321", {"survey": "123456789", "response": "987654321"})


def sign(body: bytes) -> Proof:
    """https://api.surveymonkey.com/v3/docs#webhooks"""
    return URL, {
        "content-type": "application/vnd.surveymonkey.response.v1+json",
        "sm-apikey": "client-id-1",
        "sm-signature": base64_hmac("client-id-1&client-secret-1", body, "sha1"),
    }


CASES = [
    Case(
        adapter="surveymonkey",
        sample="surveymonkey/response_completed.json",
        secrets=SECRETS,
        options=Options(),
        at=datetime(2026, 3, 19, 10, 2, 42, tzinfo=UTC),
        sign=sign,
        identity=["object_id", "resources.survey_id"],
        fetches=[FETCH],
    ),
]

RATED = Question(instrument="likert", scale_min=1, scale_max=5)

OPTIONS = Options(
    questions={
        "30001": Question(instrument="nps"),
        "How satisfied are you?": Question(instrument="csat", scale_min=1, scale_max=5),
        "30003": RATED,
        "30003.50002": RATED.model_copy(update={"dimension": "price"}),
    }
)

PULLS = [
    Pull(
        adapter="surveymonkey",
        sample="surveymonkey/api_response_details.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=datetime(2026, 3, 19, 10, 3, tzinfo=UTC),
        fetch=FETCH,
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "987654321",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "web",
                    "survey": "123456789",
                    "interaction_id": "97b9dcb3",
                    "customer": {"id": "C-10042", "email": "emily@example.com", "name": "Emily"},
                    "answers": [
                        {"question": "30001.40001", "instrument": "nps", "score": 10},
                        {"question": "30002", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                        {"question": "30003.50001", "instrument": "likert", "score": 5, "scale_min": 1, "scale_max": 5},
                        {
                            "question": "30003.50002",
                            "instrument": "likert",
                            "dimension": "price",
                            "score": 2,
                            "scale_min": 1,
                            "scale_max": 5,
                        },
                        {"question": "30004", "instrument": "choice", "choice": "Phone"},
                        {"question": "30004", "instrument": "choice", "choice": "Chat"},
                        {"question": "30004", "instrument": "text", "text": "The shop"},
                        {"question": "30005", "instrument": "text", "text": "Agent solved it"},
                    ],
                    "revision": 827229761,
                },
            }
        ],
    ),
]
