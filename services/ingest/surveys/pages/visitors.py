"""How often one address may come, without its being kept: counted under a hash whose key dies with the process."""

import os
from collections import OrderedDict
from hashlib import blake2b

from fastapi import Request

REMEMBERED = 50_000


class Visitors:
    """A bucket of `burst` requests an address, filled with `per_minute`. The clock is the event loop's."""

    def __init__(self, per_minute: float, burst: int, proxies: int) -> None:
        """`proxies` is how many of our own stand in front and write X-Forwarded-For; 0 believes nobody."""
        self._per_second = per_minute / 60
        self._burst = burst
        self._proxies = proxies
        self._key = os.urandom(32)
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def may_come(self, request: Request, now: float) -> bool:
        """Whether one more request of this address is within the limit, counting it."""
        name = blake2b(self._address(request).encode(), key=self._key, digest_size=16).digest()
        left, at = self._buckets.pop(name, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_second)
        allowed = left >= 1
        self._buckets[name] = (left - 1 if allowed else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return allowed

    def _address(self, request: Request) -> str:
        forwarded = [part.strip() for value in request.headers.getlist("x-forwarded-for") for part in value.split(",")]
        if self._proxies and len(forwarded) >= self._proxies:
            return forwarded[-self._proxies]
        return request.client.host if request.client else ""
