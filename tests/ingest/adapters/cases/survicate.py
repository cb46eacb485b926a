"""Survicate: one answer in words, with the points that the options give them, and without."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.questions import Question
from services.ingest.adapters.survicate import Options, Secrets
from tests.ingest.adapters.case import Case, Proof
from tests.ingest.adapters.signing import base64_hmac, hex_hmac

SECRETS = Secrets(signing_secret="survicate-signing-secret", token="survicate-token")
URL = "https://feedback.example.com/v1/channels/survicate/01JPQ3M8K2N2P9X4ABCDEFGHJK"
RATING = Question(instrument="csat", scale_min=1, scale_max=3, points={"Great": 3, "Fine": 2, "Poor": 1})
AT = datetime(2026, 3, 19, 6, 46, 3, tzinfo=UTC)


def sign(body: bytes) -> Proof:
    """https://developers.survicate.com/webhooks/security"""
    return URL, {"content-type": "application/json", "hmac": hex_hmac("survicate-signing-secret", body), "token": "survicate-token"}


def sign_in_base64(body: bytes) -> Proof:
    """The same digest, written the other way."""
    return URL, {"content-type": "application/json", "hmac": base64_hmac("survicate-signing-secret", body), "token": "survicate-token"}


def expected(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The event, with what its one answer amounts to."""
    return [
        {
            "type": "feedback.survey_answered.v1",
            "id": "3fa85f64-5717-4562-b3fc-2c963f66afa6/12123",
            "time": "2026-03-19T06:46:02+00:00",
            "data": {"channel": "web", "survey": "b92b6ecae6dd7207", "answers": [{"question": "12123", **answer}], "revision": 827217962},
        }
    ]


CASES = [
    Case(
        adapter="survicate",
        sample="survicate/question_answered.json",
        secrets=SECRETS,
        at=AT,
        sign=sign,
        options=Options(questions={"12123": RATING}),
        identity=["event.questionAnswered.responseUuid", "event.questionAnswered.question.id"],
        expected=expected({"instrument": "csat", "score": 3, "scale_min": 1, "scale_max": 3, "choice": "Great"}),
        name="on a scale",
    ),
    Case(
        adapter="survicate",
        sample="survicate/question_answered.json",
        secrets=SECRETS,
        at=AT,
        sign=sign_in_base64,
        options=Options(),
        identity=["event.questionAnswered.responseUuid", "event.questionAnswered.question.id"],
        expected=expected({"instrument": "choice", "choice": "Great"}),
        name="in its words",
    ),
]
