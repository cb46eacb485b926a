"""How fast keys and tenants may send to this replica: token buckets, one for each, in bounded memory."""

import math
from collections import OrderedDict

from shared.web.problems import Problem

BUCKETS = 20_000
"""How many are kept. The one not used for longest goes first: by then it is full again, unless very many are in use at once."""


class Bucket:
    """Tokens that come back at `rate` a second, at most `rate * burst_seconds` of them.

    Whoever finds one may take any number, and the debt is waited for: else a request of more events than a bucket holds never passed.
    """

    __slots__ = ("_at", "_capacity", "_rate", "_tokens")

    def __init__(self, rate: float, burst_seconds: float, now: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate * burst_seconds)
        self._tokens = self._capacity
        self._at = now

    def wait_seconds(self, now: float) -> float:
        """How long until something may be taken; 0.0 for now."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return 0.0 if self._tokens > 0 else -self._tokens / self._rate + 1 / self._rate

    def take(self, count: int) -> None:
        """Take so many, asked before with `wait_seconds`."""
        self._tokens -= count


class Rates:
    """The buckets of one replica. Times are those of a monotonic clock, in seconds."""

    def __init__(self, per_key: float, per_tenant: float, burst_seconds: float) -> None:
        self._rates = {"key": per_key, "tenant": per_tenant}
        self._burst_seconds = burst_seconds
        self._buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def take(self, tenant: str, key: str, count: int, now: float) -> None:
        """Take `count` events for a key and its tenant. Raises Problem 429 with when to come again, and then takes nothing."""
        by_key, by_tenant = self._bucket("key", key, now), self._bucket("tenant", tenant, now)
        for whose, bucket in (("key", by_key), ("tenant", by_tenant)):
            wait = bucket.wait_seconds(now)
            if wait > 0:
                raise _too_fast(whose, self._rates[whose], wait)
        by_key.take(count)
        by_tenant.take(count)

    def wait_seconds(self, tenant: str, key: str, now: float) -> float:
        """How long until `take` lets something pass; 0.0 for now."""
        return max(self._bucket("key", key, now).wait_seconds(now), self._bucket("tenant", tenant, now).wait_seconds(now))

    def _bucket(self, whose: str, name: str, now: float) -> Bucket:
        bucket = self._buckets.get((whose, name))
        if bucket is None:
            bucket = self._buckets[whose, name] = Bucket(self._rates[whose], self._burst_seconds, now)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end((whose, name))
        return bucket


def _too_fast(whose: str, rate: float, wait_seconds: float) -> Problem:
    seconds = max(1, math.ceil(wait_seconds))
    text = f"this {whose} sends more than {rate:g} events a second; send the same request again after {seconds} s, and slower from then on"
    return Problem(429, "too_fast", text, headers={"Retry-After": str(seconds)}, more={"limit": whose, "events_per_second": rate})
