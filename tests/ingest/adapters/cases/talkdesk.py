"""Talkdesk: a CSAT score by the notifier, with a token; the same body signed with ECDSA."""

from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.ingest.adapters import talkdesk
from services.ingest.adapters.schemes import Ecdsa, SchemeSecrets
from tests.ingest.adapters.case import Case, Proof

URL = "https://feedback.example.com/v1/channels/talkdesk/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 3, tzinfo=UTC)
KEY = ec.derive_private_key(20260319, ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FOREIGN = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
EXPECTED = {
    "type": "feedback.survey_answered.v1",
    "id": "0123456789abcdef01234567:csat",
    "time": "2026-03-19T10:02:41+00:00",
    "data": {
        "channel": "phone",
        "survey": "talkdesk_csat",
        "interaction_id": "0123456789abcdef01234567",
        "agent": "priya@example.com",
        "team": "billing",
        "customer": {"phone": "+14158675309"},
        "answers": [{"question": "csat", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}],
    },
}


def sign_token(_: bytes) -> Proof:
    return URL, {"content-type": "application/json", "x-hearback-token": "test-talkdesk-token"}


def sign_ecdsa(body: bytes) -> Proof:
    """An ECDSA signature in DER, SHA-512, hexadecimal digits."""
    return URL, {"content-type": "application/json", "x-hub-ecdsa-signature": KEY.sign(body, ec.ECDSA(hashes.SHA512())).hex()}


CASES = [
    Case(
        adapter="talkdesk",
        sample="talkdesk/http_notifier_csat_score_received.json",
        secrets=SchemeSecrets(secret="test-talkdesk-token"),
        options=talkdesk.ADAPTER.options(),
        at=AT,
        sign=sign_token,
        covers_body=False,
        identity=["call_id"],
        expected=[EXPECTED],
    ),
    Case(
        adapter="talkdesk",
        sample="talkdesk/http_notifier_csat_score_received.json",
        name="signed with ECDSA",
        secrets=SchemeSecrets(secret=PUBLIC),
        wrong_secrets=SchemeSecrets(secret=FOREIGN),
        options=talkdesk.ADAPTER.options(scheme=Ecdsa()),
        at=AT,
        sign=sign_ecdsa,
        identity=["call_id"],
        expected=[EXPECTED],
    ),
]
