"""How fast keys, tenants and endpoints may send to this replica: token buckets, one for each, in bounded memory."""

import math
from collections import OrderedDict

from shared.web.problems import Problem

BUCKETS = 20_000
"""How many are kept. The one not used for longest goes first: by then it is full again, unless very many are in use at once."""
FILLED_EVERY_SECONDS = 0.001
"""What has come back is counted at most so often: it is on the hot path."""


class Bucket:
    """Tokens that come back at a rate, up to a capacity.

    Whoever finds one may take any number, and the debt is waited for: else a request of more events than a bucket holds never passed.
    """

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class Rate:
    """One kind of sender's rate, in events or requests a second, with a bucket for each of them."""

    def __init__(self, whose: str, per_second: float, burst_seconds: float, *, of: str = "events") -> None:
        self._whose = whose
        self._of = of
        self._per_second = per_second
        self._capacity = max(1.0, per_second * burst_seconds)
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def filled(self, name: str, now: float) -> Bucket:
        """A sender's bucket with what has come back until `now`."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._capacity, now)
            if len(self._buckets) > BUCKETS:
                self._buckets.popitem(last=False)
        elif now - bucket.at > FILLED_EVERY_SECONDS:
            self._buckets.move_to_end(name)
            bucket.tokens = min(self._capacity, bucket.tokens + (now - bucket.at) * self._per_second)
            bucket.at = now
        return bucket

    def wait_seconds(self, bucket: Bucket) -> float:
        """How long until the bucket has something; 0.0 when it has."""
        return 0.0 if bucket.tokens > 0 else (1.0 - bucket.tokens) / self._per_second

    def too_fast(self, bucket: Bucket) -> Problem:
        """429, with when to come again."""
        seconds = max(1, math.ceil((1.0 - bucket.tokens) / self._per_second))
        text = (
            f"this {self._whose} sends more than {self._per_second:g} {self._of} a second; "
            f"send the same request again after {seconds} s, and slower from then on"
        )
        more = {"limit": self._whose, f"{self._of}_per_second": self._per_second}
        return Problem(429, "too_fast", text, headers={"Retry-After": str(seconds)}, more=more)


class Rates:
    """The rates of one replica. Times are those of a monotonic clock, in seconds."""

    def __init__(self, per_key: float, per_tenant: float, burst_seconds: float) -> None:
        self._key = Rate("key", per_key, burst_seconds)
        self._tenant = Rate("tenant", per_tenant, burst_seconds)

    def take(self, tenant: str, key: str, count: int, now: float) -> None:
        """Take `count` events for a key and its tenant. Raises Problem 429 with when to come again, and then takes nothing."""
        by_key, by_tenant = self._key.filled(key, now), self._tenant.filled(tenant, now)
        if by_key.tokens <= 0:
            raise self._key.too_fast(by_key)
        if by_tenant.tokens <= 0:
            raise self._tenant.too_fast(by_tenant)
        by_key.tokens -= count
        by_tenant.tokens -= count

    def wait_seconds(self, tenant: str, key: str, now: float) -> float:
        """How long until `take` lets something pass; 0.0 for now."""
        by_key, by_tenant = self._key.filled(key, now), self._tenant.filled(tenant, now)
        return max(self._key.wait_seconds(by_key), self._tenant.wait_seconds(by_tenant))
