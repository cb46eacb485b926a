"""The trace context that travels with an event: from the HTTP request into the Kafka header, on to whoever reads it.

Format: W3C Trace Context, `traceparent` = 00-<32 hex>-<16 hex>-<2 hex>. https://www.w3.org/TR/trace-context/
"""

import os
import re
from contextvars import ContextVar

HEADER = "traceparent"
_VALID = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

current_traceparent: ContextVar[str | None] = ContextVar("current_traceparent", default=None)


def traceparent_from(header: bytes | None) -> bytes:
    """The caller's trace context when it is one, else the start of a new trace."""
    if header is not None and _VALID.fullmatch(header):
        return header
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-01".encode()
