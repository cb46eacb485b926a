"""SurveyMonkey: a notification without answers, and the answers as the API gives them."""

from datetime import UTC, datetime

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.surveymonkey import Options, Secrets
from tests.ingest.adapters.case import Case, Proof
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
