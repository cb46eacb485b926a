"""How vendors prove themselves, always over the raw bytes and compared in constant time. One function a construction.

`secrets` are all that are valid now: any of them may have made the proof. All raise NotProven, never saying which part was wrong.
Where a request is read again that was proven when it came, or one that a person pasted to try, nothing is asked for (`without_proof`).
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TypeVar

from services.ingest.adapters.adapter import NotProven

STALE_AFTER = timedelta(minutes=5)

T = TypeVar("T")

_asked_for: ContextVar[bool] = ContextVar("proof_asked_for", default=True)


@contextmanager
def without_proof() -> Iterator[None]:
    """Ask for no proof inside this block. Never around an await: it is for one synchronous reading, whose sender is known already."""
    before = _asked_for.set(False)
    try:
        yield
    finally:
        _asked_for.reset(before)


def proof_asked_for() -> bool:
    """Whether a proof is needed here; for adapters that check one that none of these functions can."""
    return _asked_for.get()


def hexadecimal(digest: bytes) -> str:
    """Lower-case hexadecimal digits."""
    return digest.hex()


def base64_text(digest: bytes) -> str:
    """Standard base64 with its padding."""
    return base64.b64encode(digest).decode()


def check_hmac(
    sent: str | None,
    signed: bytes,
    keys: Iterable[bytes],
    algorithm: str = "sha256",
    *,
    written: Callable[[bytes], str] = hexadecimal,
    prefix: str = "",
) -> None:
    """The HMAC of `signed` with one of the keys, `written` as text behind `prefix`, is what was sent."""
    check_any(sent, (prefix + written(hmac.digest(key, signed, algorithm)) for key in keys))


def check_any(sent: str | None, expected: Iterable[str]) -> None:
    """One of the expected texts was sent; every one is compared, so that time tells nothing."""
    if not proof_asked_for():
        return
    if not sent:
        raise NotProven("no_signature")
    found = [hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), one.encode()) for one in expected]
    if not any(found):
        raise NotProven("wrong_signature")


def check_token(sent: str | None, tokens: Iterable[str]) -> None:
    """A shared token, for vendors that sign nothing: hashed first, so that not even its length is told."""
    if not proof_asked_for():
        return
    if not sent:
        raise NotProven("no_token")
    hashed = hashlib.sha256(sent.encode("utf-8", "surrogatepass")).digest()
    found = [hmac.compare_digest(hashed, hashlib.sha256(token.encode()).digest()) for token in tokens]
    if not any(found):
        raise NotProven("wrong_token")


def check_fresh(signed_at: datetime | None, now: datetime, within: timedelta = STALE_AFTER) -> None:
    """What was signed longer ago, or lies so far ahead, may be a recording."""
    if proof_asked_for() and (signed_at is None or abs(now - signed_at) > within):
        raise NotProven("stale")
