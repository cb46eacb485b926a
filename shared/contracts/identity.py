"""Who an event is, and which partition it lies on. An event's time is never part of its identity."""

import uuid
from functools import lru_cache
from hashlib import blake2b, sha256


def event_digest(source: str, id: str) -> bytes:
    """The 128-bit BLAKE2b hash that `seen` keeps of an event, beside its tenant.

    The length of `source` goes first, so that no two different pairs give the same bytes: ("ab", "c") is not ("a", "bc").
    """
    named = _begun(source).copy()
    named.update(id.encode())
    return named.digest()


def event_hash(source: str, id: str) -> uuid.UUID:
    """`event_digest` as a UUID: the id of what follows from an event, or from whatever else has a name in two parts."""
    return uuid.UUID(bytes=event_digest(source, id))


@lru_cache(maxsize=4096)
def _begun(source: str) -> blake2b:
    named = source.encode()
    return blake2b(len(named).to_bytes(4, "big") + named, digest_size=16)


def partition_key(tenant: str, customer_id: str | None, event_id: str) -> bytes:
    """The Kafka key of a feedback event: `tenant:customer`, with the event's id in the place of an anonymous customer.

    A tenant's name holds no colon, so keys of two tenants are never equal.
    """
    return f"{tenant}:{event_id if customer_id is None else customer_id}".encode()


def address_hash(address: str) -> str:
    """How `message.delivery_failed` names an e-mail address or a number in E.164: its SHA-256 in lower case, as hexadecimal digits."""
    return sha256(address.strip().lower().encode()).hexdigest()
