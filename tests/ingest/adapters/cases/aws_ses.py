"""Amazon SES: a mail received, in the envelope of SNS, and the envelope itself; the samples are signed here, for theirs is left out."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from services.ingest.adapters.mail import Mails
from services.ingest.adapters.sns import Topic
from tests.ingest.adapters.case import SAMPLES, Case, Proof, Seal
from tests.ingest.adapters.keypairs import certificate, signed_by_sns

URL = "https://feedback.example.com/v1/channels/aws_ses/01JPQ3M8K2N2P9X4ABCDEFGHJK"
ENVELOPE = json.loads((SAMPLES / "aws_ses/sns_envelope.json").read_bytes())
ARN = ENVELOPE["TopicArn"]
KEYS = defaultdict(lambda: b"another certificate of SNS", {ENVELOPE["SigningCertURL"]: certificate()})
AT = datetime(2026, 3, 19, 9, 34, 47, tzinfo=UTC)


def sign(_: bytes) -> Proof:
    """The signature stands in the body, which SNS sends as text."""
    return URL, {"content-type": "text/plain; charset=UTF-8"}


def signed(envelope: bytes) -> bytes:
    """The envelope with its signature, without the one member that SNS does not sign; what is no envelope stays as it is."""
    try:
        message = json.loads(envelope)
    except ValueError:
        return envelope
    if not isinstance(message, dict):
        return envelope
    message.pop("UnsubscribeURL", None)
    return json.dumps(signed_by_sns(message)).encode()


def in_envelope(notification: bytes) -> bytes:
    """A notification as the message of a signed envelope."""
    return signed(json.dumps({**ENVELOPE, "Message": notification.decode("utf-8", "replace")}).encode())


@dataclass(frozen=True, kw_only=True)
class Published(Case):
    """A sample that has to be signed first."""

    @property
    def body(self) -> bytes:
        assert self.seal is not None
        return self.seal.close((SAMPLES / self.sample).read_bytes())


EXPECTED = [
    {
        "type": "feedback.message_received.v1",
        "id": "d6iitobk75ur44p8kdnnp7g2n800",
        "time": "2026-03-19T09:34:45.936000+00:00",
        "data": {
            "text": "Double charge\n\nI was charged twice this month.",
            "thread": "CAJ-example-0001@mail.example.com",
            "channel": "email",
            "customer": {"email": "emily@example.com", "name": "Emily Adams", "email_verified": True},
        },
    }
]
SIGNED = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type", "SignatureVersion", "Signature", "SigningCertURL"]

CASES = [
    Published(
        adapter="aws_ses",
        sample="aws_ses/sns_envelope.json",
        secrets=Topic(topic_arn=ARN),
        options=Mails(),
        at=AT,
        sign=sign,
        seal=Seal(open=bytes, close=signed),
        keys=KEYS,
        proof_members=SIGNED,
        identity=["Message"],
        expected=EXPECTED,
    ),
    Published(
        adapter="aws_ses",
        sample="aws_ses/received_notification.json",
        secrets=Topic(topic_arn=ARN),
        options=Mails(),
        at=AT,
        sign=sign,
        seal=Seal(open=lambda body: json.loads(body)["Message"].encode(), close=in_envelope),
        keys=KEYS,
        proof_members=["Message"],
        identity=["mail.messageId"],
        expected=EXPECTED,
    ),
]
