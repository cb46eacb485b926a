"""Wenjuanxing: one questionnaire with a net promoter question, a satisfaction question, a text and a choice; times of China."""

from datetime import UTC, datetime

from services.ingest.adapters.questions import Question
from services.ingest.adapters.wjx import Options, Secrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/wjx/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(_: bytes) -> Proof:
    """The proof stands in the body: `sign`, over activity and index alone."""
    return URL, {"content-type": "application/json"}


CASES = [
    Case(
        adapter="wjx",
        sample="wjx/data_push.json",
        secrets=Secrets(push_key="test-push-key"),
        options=Options(
            questions={
                "q1": Question(instrument="nps"),
                "q2": Question(instrument="csat", scale_min=1, scale_max=5, dimension="after-sales"),
                "q4": Question(instrument="choice"),
            }
        ),
        at=datetime(2026, 3, 19, 10, 3, tzinfo=UTC),
        sign=sign,
        covers_body=False,
        identity=["activity", "index"],
        proof_members=["activity", "index", "sign"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "5657754:128",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "channel": "web",
                    "survey": "5657754",
                    "customer": {"id": "C-10042"},
                    "answers": [
                        {"question": "q1", "instrument": "nps", "score": 9},
                        {
                            "question": "q2",
                            "instrument": "csat",
                            "dimension": "after-sales",
                            "score": 4,
                            "scale_min": 1,
                            "scale_max": 5,
                        },
                        {"question": "q3", "instrument": "text", "text": "客服一次就解决了"},
                        {"question": "q4", "instrument": "choice", "choice": "1,2"},
                    ],
                },
            }
        ],
    ),
]
