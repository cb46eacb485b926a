"""Who an event is, and which partition it lies on. An event's time is never part of its identity."""

import uuid
from functools import lru_cache
from hashlib import blake2b, sha256

_UNKNOWN = uuid.SafeUUID.unknown
"""Asked for once: a member of an enumeration costs as much as the hash."""


def event_hash(source: str, id: str) -> uuid.UUID:
    """The 128-bit BLAKE2b hash that `seen` keeps of an event, beside its tenant.

    The length of `source` goes first, so that no two different pairs give the same bytes: ("ab", "c") is not ("a", "bc").
    """
    named = _begun(source).copy()
    named.update(id.encode())
    found = uuid.UUID.__new__(uuid.UUID)  # its constructor, made to be called in six ways, takes twice as long as the hash
    object.__setattr__(found, "int", int.from_bytes(named.digest(), "big"))
    object.__setattr__(found, "is_safe", _UNKNOWN)
    return found


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
