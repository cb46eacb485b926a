"""Typeform: one response with five kinds of questions, and one with all the others."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.questions import Question
from services.ingest.adapters.typeform import Options, Secrets
from tests.ingest.adapters.case import Case, Proof, with_members
from tests.ingest.adapters.signing import base64_hmac

SECRET = "test-typeform-secret"
URL = "https://feedback.example.com/v1/channels/typeform/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(body: bytes) -> Proof:
    """https://www.typeform.com/developers/webhooks/secure-your-webhooks"""
    return URL, {"content-type": "application/json", "typeform-signature": "sha256=" + base64_hmac(SECRET, body)}


def answer(field: str, kind: str, value: Any, ref: str) -> dict[str, Any]:
    """https://www.typeform.com/developers/webhooks/example-payload"""
    return {"type": kind, kind: value, "field": {"id": f"id-{ref}", "type": field, "ref": ref}}


OTHERS = [
    answer("multiple_choice", "choice", {"id": "c1", "label": "Phone", "ref": "r1"}, "where"),
    answer("multiple_choice", "choice", {"other": "By letter"}, "else"),
    answer("picture_choice", "choices", {"ids": ["c1", "c2"], "labels": ["Tea", "Cake"], "refs": ["r1", "r2"], "other": "Soup"}, "what"),
    answer("ranking", "choices", {"ids": ["c3", "c4"], "labels": ["Price", "Speed"], "refs": ["r3", "r4"]}, "order"),
    answer("dropdown", "choice", {"id": "c5", "label": "Very satisfied", "ref": "r5"}, "words"),
    answer("legal", "boolean", True, "terms"),
    answer("number", "number", 3, "orders"),
    answer("opinion_scale", "number", 0, "courier"),
    answer("date", "date", "2026-03-18", "when"),
    answer("payment", "payment", {"amount": "10", "last4": "4242", "name": "E Adams"}, "paid"),
    answer("email", "email", "emily@example.com", "mail"),
    answer("phone_number", "phone_number", "+14158675309", "phone"),
]

RESPONSE = Case(
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
)

CASES = [
    RESPONSE,
    dataclasses.replace(
        RESPONSE,
        name="with choices, a date, a payment, and how to reach the customer",
        changed=lambda body: with_members(body, form_response__answers=OTHERS, form_response__hidden=None),
        options=Options(
            questions={
                "words": Question(instrument="csat", scale_min=1, scale_max=5, points={"very satisfied": 5, "satisfied": 4}),
                "courier": Question(instrument="csat", scale_min=0, scale_max=5, not_applicable=frozenset({"0"})),
            }
        ),
        expected=[
            {
                **RESPONSE.expected[0],
                "data": {
                    "channel": "web",
                    "survey": "lT4Z3j",
                    "customer": {"email": "emily@example.com", "phone": "+14158675309"},
                    "answers": [
                        {"question": "where", "instrument": "choice", "choice": "Phone"},
                        {"question": "else", "instrument": "choice", "choice": "By letter"},
                        {"question": "what", "instrument": "choice", "choice": "Tea"},
                        {"question": "what", "instrument": "choice", "choice": "Cake"},
                        {"question": "what", "instrument": "choice", "choice": "Soup"},
                        {"question": "order", "instrument": "choice", "choice": "Price"},
                        {"question": "order", "instrument": "choice", "choice": "Speed"},
                        {
                            "question": "words",
                            "instrument": "csat",
                            "score": 5,
                            "scale_min": 1,
                            "scale_max": 5,
                            "choice": "Very satisfied",
                        },
                        {"question": "terms", "instrument": "yes_no", "score": 1},
                        {"question": "orders", "instrument": "text", "text": "3"},
                        {"question": "when", "instrument": "text", "text": "2026-03-18"},
                    ],
                },
            }
        ],
    ),
]
