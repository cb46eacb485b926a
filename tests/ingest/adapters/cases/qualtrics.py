"""Qualtrics: a form that names a response, without a sharedKey and with one, and the response as the API gives it."""

import dataclasses
import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from services.ingest.adapters.adapter import Fetch
from services.ingest.adapters.qualtrics import Options, Secrets
from services.ingest.adapters.questions import Question
from tests.ingest.adapters.case import Case, Proof, Pull, Seal, Vector
from tests.ingest.adapters.signing import hex_hmac

SECRETS = Secrets(token="qualtrics-token-0001", api_token="test-api-token")
OPTIONS = Options(data_center="fra1", questions={"QID2": Question(instrument="csat", scale_min=1, scale_max=5)})
URL = "https://feedback.example.com/v1/channels/qualtrics/01JPQ3M8K2N2P9X4ABCDEFGHJK"
FETCH = Fetch("response:SV_aaaaaaaaaaaaaaa:R_2uX1mSmsWvXJkYz", {"survey": "SV_aaaaaaaaaaaaaaa", "response": "R_2uX1mSmsWvXJkYz"})
AT = datetime(2026, 3, 19, 10, 3, tzinfo=UTC)


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token=qualtrics-token-0001", {"content-type": "application/x-www-form-urlencoded"}


COMPLETED = Case(
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
)
SHARED_KEY = "test-shared-key"


def signed(message: bytes) -> bytes:
    """The notification as Qualtrics sends it with a sharedKey: JSON in a field, its HMAC in another."""
    fields = {"Topic": "examplebrand.surveyengine.completedResponse.SV_aaaaaaaaaaaaaaa", "HMAC": hex_hmac(SHARED_KEY, message, "sha512")}
    return urlencode({**fields, "MSG": message}).encode()


def as_message(body: bytes) -> bytes:
    """The sample's fields as they stand in MSG."""
    return signed(json.dumps({name: value for name, value in parse_qsl(body.decode()) if name != "Topic"}).encode())


CASES = [
    COMPLETED,
    dataclasses.replace(
        COMPLETED,
        name="with a sharedKey",
        secrets=SECRETS.model_copy(update={"shared_key": SHARED_KEY}),
        media="json",
        changed=as_message,
        seal=Seal(open=lambda body: dict(parse_qsl(body.decode()))["MSG"].encode(), close=signed),
    ),
]

PUBLISHED = (
    '{"Status":"Complete","SurveyID":"SV_1AmkKSDmoZ4XlQx","ResponseID":"R_0B7IcnXszjEUHLP","CompletedDate":"2019-06-25 07:58:25",'
    '"BrandID":"sapdevelopment"}'
)
"""https://github.com/kyma-incubator/connector-tools qualtrics-event-gw/pkg/hmac/hmac_test.go"""
PUBLISHED_HMAC = (
    "c2c585a404c239aa3063b462cc33551d3ed3ed2de0899f58d456fc0ef7ebef6f3c3af44957989bd0592603e41edde9528f7d9ed09ee128bf719aa12f46e5c598"
)
VECTORS = [
    Vector(
        adapter="qualtrics",
        name=name,
        secrets=SECRETS.model_copy(update={"shared_key": "kyma4ever"}),
        options=OPTIONS,
        at=AT,
        url=f"{URL}?token=qualtrics-token-0001",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode({"Topic": "sapdevelopment.surveyengine.completedResponse.SV_1AmkKSDmoZ4XlQx", "MSG": message, **proof}).encode(),
        holds=holds,
    )
    for name, message, proof, holds in (
        ("its published HMAC", PUBLISHED, {"HMAC": PUBLISHED_HMAC}, True),
        ("the HMAC of another message", PUBLISHED.replace("Complete", "Partial"), {"HMAC": PUBLISHED_HMAC}, False),
        ("no HMAC", PUBLISHED, {}, False),
    )
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
