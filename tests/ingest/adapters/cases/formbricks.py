"""Formbricks: one finished response, as an object."""

from datetime import UTC, datetime

from services.ingest.adapters.formbricks import Options, Secrets
from services.ingest.adapters.questions import Question
from tests.ingest.adapters.case import Case, Proof, Vector
from tests.ingest.adapters.signing import base64_hmac

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = b"1\xf2\x90\xf6\xbf\x06)\x8a\xabO\x08\xd4<?\x08,\xf6H\xa3b\xda-\xa4\xb0"
URL = "https://feedback.example.com/v1/channels/formbricks/01JPQ3M8K2N2P9X4ABCDEFGHJK"
ID = "019ba292-c1f6-7618-aaf2-ecf8e39d1cc7"
AT = datetime(2026, 3, 19, 10, 2, 42, tzinfo=UTC)
OPTIONS = Options(
    questions={"nps_q1": Question(instrument="nps"), "csat_q2": Question(instrument="csat", scale_min=1, scale_max=5)},
)


def sign(body: bytes) -> Proof:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    signature = base64_hmac(KEY, f"{ID}.1773914561.".encode() + body)
    headers = {"webhook-id": ID, "webhook-timestamp": "1773914561", "webhook-signature": f"v1,AAAA v1,{signature}"}
    return URL, {"content-type": "application/json", **headers}


CASES = [
    Case(
        adapter="formbricks",
        sample="formbricks/response_finished.json",
        secrets=Secrets(secret=SECRET),
        options=OPTIONS,
        at=AT,
        sign=sign,
        timestamped=True,
        identity=["data.id"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "cm8response000001",
                "time": "2026-03-19T10:02:41.696000+00:00",
                "data": {
                    "channel": "web",
                    "survey": "cm8survey0000001",
                    "answers": [
                        {"question": "nps_q1", "instrument": "nps", "score": 9},
                        {"question": "csat_q2", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
                        {"question": "text_q3", "instrument": "text", "text": "Agent solved it"},
                    ],
                    "revision": 827229761,
                },
            }
        ],
    ),
]

VECTORS = [
    Vector(
        adapter="formbricks",
        official="standard_webhooks (formbricks)",
        secrets=Secrets(secret=SECRET),
        at=datetime(2021, 2, 25, 15, 3, tzinfo=UTC),
        url=URL,
        headers={
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        body=b'{"test": 2432232314}',
        holds=True,
    ),
]
