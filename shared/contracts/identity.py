"""Who an event is, and which partition it lies on. An event's time is never part of its identity."""

import uuid
from hashlib import blake2b


def event_hash(source: str, id: str) -> uuid.UUID:
    """The 128-bit BLAKE2b hash that `seen` keeps of an event, beside its tenant.

    The length of `source` goes first, so that no two different pairs give the same bytes: ("ab", "c") is not ("a", "bc").
    """
    named = source.encode()
    return uuid.UUID(bytes=blake2b(len(named).to_bytes(4, "big") + named + id.encode(), digest_size=16).digest())


def partition_key(tenant: str, customer_id: str | None, event_id: str) -> bytes:
    """The Kafka key of a feedback event: `tenant:customer`, with the event's id in the place of an anonymous customer.

    A tenant's name holds no colon, so keys of two tenants are never equal.
    """
    return f"{tenant}:{event_id if customer_id is None else customer_id}".encode()
