"""Proofs that lie in what has to be read first: in the query, in a field of the body. What cannot be read there proves nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.ingest.adapters.adapter import NotProven, Unreadable
from services.ingest.adapters.signatures import proof_asked_for


@contextmanager
def proving() -> Iterator[None]:
    """While the sender is not proven, what is unreadable is no more than not proven, and is not kept."""
    try:
        yield
    except Unreadable:
        if not proof_asked_for():
            raise
        raise NotProven("no_signature") from None
