"""How often one address may come, without its being kept: counted under a hash whose key dies with the process."""

import asyncio
import os
from collections import OrderedDict
from hashlib import blake2b

from fastapi import Request

REMEMBERED = 50_000
BEGUN_PER_MINUTE, BEGUN_BURST = 10.0, 20
"""New answers of one address at one place: a queue at a kiosk, or people in a shop's own network."""
PLACE_PER_MINUTE, PLACE_BURST = 120.0, 240
"""New answers at one place, of all addresses together."""


class Visitors:
    """A bucket of `burst` requests an address, filled with `per_minute`. The clock is the event loop's."""

    def __init__(self, per_minute: float, burst: int, proxies: int) -> None:
        """`proxies` is how many of our own stand in front and write X-Forwarded-For; 0 believes nobody."""
        self._per_second = per_minute / 60
        self._burst = burst
        self._proxies = proxies
        self._key = os.urandom(32)
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def may_come(self, request: Request) -> bool:
        """Whether one more request of this address is within the limit, counting it."""
        return self._take(self._address(request), self._per_second, self._burst)

    def may_begin(self, request: Request, place: str) -> bool:
        """Whether one more person may begin to answer at this place, counting them."""
        here = f"{place} {self._address(request)}"
        return self._take(here, BEGUN_PER_MINUTE / 60, BEGUN_BURST) and self._take(place, PLACE_PER_MINUTE / 60, PLACE_BURST)

    def _take(self, whose: str, per_second: float, burst: int) -> bool:
        now = asyncio.get_running_loop().time()
        name = blake2b(whose.encode(), key=self._key, digest_size=16).digest()
        left, at = self._buckets.pop(name, (float(burst), now))
        left = min(burst, left + (now - at) * per_second)
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
