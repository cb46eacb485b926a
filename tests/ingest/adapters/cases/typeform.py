"""Typeform: one response with five kinds of questions."""

from datetime import UTC, datetime

from services.ingest.adapters.questions import Question
from services.ingest.adapters.typeform import Options, Secrets
from tests.ingest.adapters.case import Case, Proof
from tests.ingest.adapters.signing import base64_hmac

SECRET = "test-typeform-secret"
URL = "https://feedback.example.com/v1/channels/typeform/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(body: bytes) -> Proof:
    """https://www.typeform.com/developers/webhooks/secure-your-webhooks"""
    return URL, {"content-type": "application/json", "typeform-signature": "sha256=" + base64_hmac(SECRET, body)}


CASES = [
    Case(
        adapter="typeform",
        sample="typeform/form_response.json",
        secrets=Secrets(secret=SECRET),
        options=Options(questions={"effort": Question(instrument="ces", scale_min=0, scale_max=10, polarity="ease")}),
        at=datetime(2026, 3, 19, 10, 3, tzinfo=UTC),
        sign=sign,
        identity=["form_response.token"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "a3a12ec67a1365927098a606107fac15",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "web",
                    "survey": "lT4Z3j",
                    "interaction_id": "97b9dcb3",
                    "customer": {"id": "C-10042"},
                    "answers": [
                        {"question": "nps", "instrument": "nps", "score": 9},
                        {"question": "csat", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                        {"question": "effort", "instrument": "ces", "polarity": "ease", "score": 6, "scale_min": 0, "scale_max": 10},
                        {"question": "resolved", "instrument": "yes_no", "score": 1},
                        {"question": "why", "instrument": "text", "text": "Agent solved it on the first call"},
                    ],
                },
            }
        ],
    ),
]
