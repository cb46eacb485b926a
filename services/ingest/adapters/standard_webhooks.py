"""The signature of Standard Webhooks, which several vendors share: over id, timestamp and body, refused when stale.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
from collections.abc import Iterable

from services.ingest.adapters import times
from services.ingest.adapters.adapter import NotProven, Request
from services.ingest.adapters.signatures import base64_text, check_fresh, proof_asked_for

PREFIX = "whsec_"
_MOST_SIGNATURES = 16


def check_standard_webhook(request: Request, secrets: Iterable[str]) -> None:
    """One of the signatures in `webhook-signature` is made with one of the secrets, lately. Raises NotProven."""
    if not proof_asked_for():
        return
    id, timestamp, sent = (request.headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not id or not timestamp or not sent:
        raise NotProven("no_signature")
    signed = f"{id}.{timestamp}.".encode("utf-8", "surrogatepass") + request.body
    expected = ["v1," + base64_text(hmac.digest(key(secret), signed, "sha256")) for secret in secrets]
    signatures = [one.encode("utf-8", "surrogatepass") for one in sent.split(" ")[:_MOST_SIGNATURES]]
    found = [hmac.compare_digest(one, another.encode()) for one in signatures for another in expected]
    if not any(found):
        raise NotProven("wrong_signature")
    check_fresh(times.epoch(timestamp), request.at)


def key(secret: str) -> bytes:
    """The bytes of a secret: base64 behind whsec_; what is no base64 signs as it is written."""
    try:
        return base64.b64decode(secret.removeprefix(PREFIX))
    except (binascii.Error, ValueError):
        return secret.encode()
