"""Webhooks: a POST of the body as it is, signed as Standard Webhooks wants it (https://www.standardwebhooks.com, version 1)."""

import base64
import hmac
import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from shared.clock import Clock
from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.guard import GuardedNetwork, RefusedAddress
from shared.delivery.tls import trusted
from shared.observability.tracing import HEADER, worth_following

PREFIX = "whsec_"
HOST = re.compile(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")
RETRIED_STATUSES = (408, 429)


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where to post, and the keys to sign with: none for receivers that want no signature, several during a rotation."""

    url: str
    keys: tuple[bytes, ...] = ()


def new_secret() -> str:
    """A secret for a new receiver: `whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(os.urandom(32)).decode()


def signing_key(secret: str) -> bytes:
    """The key in a secret. Raises ValueError unless it is `whsec_` and the base64 of 24 to 64 bytes."""
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a webhook secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def signature(id: str, timestamp: int, body: bytes, keys: Sequence[bytes]) -> str:
    """The value of `webhook-signature`: one `v1,…` for each key, the receiver takes any."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def check_url(url: str) -> httpcore.URL:
    """Read a receiver's URL. Raises ValueError unless it is http or https with a host and without user and password."""
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL as invalid:
        raise ValueError(f"this is no URL: {invalid}") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise ValueError("the URL must begin with http:// or https:// and name a host")
    if not HOST.fullmatch(read.raw_host):
        raise ValueError("the URL's host must be a name or an address")
    if read.userinfo:
        raise ValueError("the URL must not hold a user or a password")
    return httpcore.URL(scheme=read.raw_scheme, host=read.raw_host, port=read.port, target=read.raw_path)


class WebhookSender:
    """Posts deliveries. Follows no redirect, uses no proxy, keeps no connection, reads nothing of an answer but its head."""

    def __init__(self, network: GuardedNetwork, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self._clock = clock
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusted("http"),
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=network,
        )

    async def send(self, target: WebhookTarget, delivery: Delivery) -> Outcome:
        """One attempt, without a limit in time of its own."""
        try:
            url = check_url(target.url)
            async with self._pool.stream("POST", url, headers=self._headers(target, delivery), content=delivery.body) as response:
                return answered(response.status, response.headers, self._clock())
        except RefusedAddress as refused:
            return Outcome(Verdict.REFUSED, str(refused))
        except ValueError as invalid:
            return Outcome(Verdict.REFUSED, str(invalid))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as failed:
            return Outcome(Verdict.AGAIN, f"{type(failed).__name__}: {failed}".removesuffix(": "))

    def _headers(self, target: WebhookTarget, delivery: Delivery) -> dict[str | bytes, str | bytes]:
        timestamp = int(self._clock().timestamp())
        headers: dict[str | bytes, str | bytes] = {
            "content-type": "application/json",
            "user-agent": "hearback",
            "connection": "close",
            "webhook-id": str(delivery.id),
            "webhook-timestamp": str(timestamp),
        }
        if trace := worth_following():  # random numbers, and only where they lead to a recorded trace
            headers[HEADER] = trace
        if target.keys:
            headers["webhook-signature"] = signature(str(delivery.id), timestamp, delivery.body, target.keys)
        return headers


def answered(status: int, headers: Sequence[tuple[bytes, bytes]], now: datetime) -> Outcome:
    """What an answer means: 2xx is success; 5xx, 408 and 429 come again; all else, redirects too, never will be one."""
    if 200 <= status < 300:
        return Outcome(Verdict.DELIVERED, f"answered {status}", status)
    if status >= 500 or status in RETRIED_STATUSES:
        asked = next((value for name, value in headers if name.lower() == b"retry-after"), b"")
        return Outcome(Verdict.AGAIN, f"answered {status}", status, retry_after(asked.decode("latin-1"), now))
    if 300 <= status < 400:
        return Outcome(Verdict.REFUSED, f"answered {status}: redirects are not followed", status)
    return Outcome(Verdict.REFUSED, f"answered {status}", status)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3: a number or a date); None when it cannot be read."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # not a date, or one without a zone
        return None
