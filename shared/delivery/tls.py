"""Whom this machine trusts, read once: each reading stops the event loop for twenty milliseconds and keeps a megabyte."""

import functools
import ssl
from typing import Literal


@functools.cache
def trusted(protocol: Literal["http", "smtp"]) -> ssl.SSLContext:
    """For all connections to others under this protocol, which their libraries write into the context (ALPN)."""
    return ssl.create_default_context()
