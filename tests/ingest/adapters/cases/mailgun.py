"""Mailgun: a mail as a form, stripped of its signature; a token of one use."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

from services.ingest.adapters.mail import Mails
from services.ingest.adapters.mailgun import Secrets
from tests.ingest.adapters.case import Case, Proof, Vector

KEY = "test-mailgun-signing-key"
TOKEN = "7VwW7k6Ak7zcTwoSoNm7aTtbk1g67MKAnsYLfUB7PdszbgR5Xi"
URL = "https://feedback.example.com/v1/channels/mailgun/01JPQ3M8K2N2P9X4ABCDEFGHJK"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def sign(_: bytes) -> Proof:
    """The signature stands in the sample."""
    return URL, FORM


CASES = [
    Case(
        adapter="mailgun",
        sample="mailgun/route_forward.txt",
        secrets=Secrets(signing_key=KEY),
        options=Mails(),
        at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
        media="form",
        covers_body=False,
        timestamped=True,
        sign=sign,
        proof_members=["timestamp", "token", "signature"],
        identity=["Message-Id", "message-headers"],
        once=TOKEN,
        expected=[
            {
                "type": "feedback.message_received.v1",
                "id": "CAJ-example-0001@mail.example.com",
                "time": "2026-03-19T09:34:44+00:00",
                "data": {
                    "text": "Double charge\n\nI was charged twice this month.",
                    "thread": "CAJ-example-0001@mail.example.com",
                    "channel": "email",
                    "customer": {"email": "emily@example.com", "name": "Emily Adams"},
                },
            }
        ],
    ),
]

VECTORS = [
    Vector(
        adapter="mailgun",
        official="mailgun",
        secrets=Secrets(signing_key="tbsy84uSV1Kt3ZJZELY2TmShPRs91E3yL4tzf96297vBCkDWgL"),
        options=Mails(),
        at=datetime(2018, 10, 9, 19, 15, 30, tzinfo=UTC),
        url=URL,
        headers=FORM,
        body=urlencode(
            dict(
                parse_qsl("subject=x"),
                timestamp="1539112500",
                token=TOKEN,
                signature="ef24c5225322217bb065b80bb54eb4f9206d764e3e16abab07f0a64d1cf477cc",
            )
        ).encode(),
        holds=True,
    ),
]
