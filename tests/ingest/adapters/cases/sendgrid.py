"""SendGrid: a mail as a multipart form, its sender proven by DKIM."""

from datetime import UTC, datetime

from services.ingest.adapters.mail import Mails
from services.ingest.adapters.tokens import TokenSecrets
from tests.ingest.adapters.case import Case, Proof

TOKEN = "sendgrid-token-0001"
URL = "https://feedback.example.com/v1/channels/sendgrid/01JPQ3M8K2N2P9X4ABCDEFGHJK"


def sign(_: bytes) -> Proof:
    """A token behind the URL; nothing covers the body."""
    return f"{URL}?token={TOKEN}", {"content-type": "multipart/form-data; boundary=xYzZY"}


def expected(type: str, **data: object) -> list[dict[str, object]]:
    """The event, as the options have it taken."""
    customer = {"email": "emily@example.com", "name": "Emily Adams", "email_verified": True}
    return [
        {
            "type": type,
            "id": "CAJ-example-0001@mail.example.com",
            "time": "2026-03-19T09:34:46+00:00",
            "data": {"text": "Double charge\n\nI was charged twice this month.", **data, "channel": "email", "customer": customer},
        }
    ]


CASES = [
    Case(
        adapter="sendgrid",
        sample="sendgrid/inbound_parse.txt",
        secrets=TokenSecrets(token=TOKEN),
        options=options,
        at=datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC),
        media="multipart",
        covers_body=False,
        sign=sign,
        identity=["headers"],
        expected=events,
        name=name,
    )
    for name, options, events in (
        ("as a message", Mails(), expected("feedback.message_received.v1", thread="CAJ-example-0001@mail.example.com")),
        (
            "as a complaint",
            Mails(treat_as="complaint"),
            expected("feedback.complaint_raised.v1", interaction_id="CAJ-example-0001@mail.example.com"),
        ),
    )
]
