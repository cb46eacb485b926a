"""Zendesk trigger: a satisfaction rating; the vector of Zendesk's old page, in the wrong order, does not hold."""

from datetime import UTC, datetime

from services.ingest.adapters import zendesk_trigger
from services.ingest.adapters.schemes import SchemeSecrets
from tests.ingest.adapters.case import Case, Proof
from tests.ingest.adapters.signing import base64_hmac

SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="
SIGNED_AT = "2026-03-19T09:25:30Z"
URL = "https://feedback.example.com/v1/channels/zendesk_trigger/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(body: bytes) -> Proof:
    """https://developer.zendesk.com/documentation/webhooks/verifying/: timestamp, then body"""
    signature = base64_hmac(SECRET, SIGNED_AT.encode() + body)
    headers = {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": SIGNED_AT}
    return URL, {"content-type": "application/json", **headers}


CASES = [
    Case(
        adapter="zendesk_trigger",
        sample="zendesk/trigger_satisfaction_rating.json",
        secrets=SchemeSecrets(secret=SECRET),
        options=zendesk_trigger.ADAPTER.options(),
        at=datetime(2026, 3, 19, 9, 25, 31, tzinfo=UTC),
        sign=sign,
        timestamped=True,
        identity=["ticket_id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "35436:satisfaction",
                "time": "2026-03-19T09:25:31+00:00",
                "data": {
                    "channel": "web",
                    "survey": "zendesk_satisfaction",
                    "interaction_id": "35436",
                    "agent": "Priya N",
                    "customer": {"email": "emily@example.com"},
                    "comment": "Fast and friendly",
                    "answers": [
                        {"question": "satisfaction", "instrument": "csat", "score": 1, "scale_min": 0, "scale_max": 1, "choice": "good"}
                    ],
                    "revision": 827227530,
                },
            }
        ],
    )
]
