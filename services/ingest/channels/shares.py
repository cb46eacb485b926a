"""What one endpoint may take of a process, so that a flood at one leaves all others what they need.

A vendor is refused only before its request is proven and read: from then on everything is taken. What is counted before the proof is
counted for whoever knows the address; a stranger who learned it can make the vendor wait there, and nowhere else.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from services.ingest.rates import Rate
from services.ingest.reading import Room
from services.ingest.settings import IngestSettings
from shared.web.problems import RETRY_AFTER_SECONDS, Problem

AT_ONCE = 8
"""Requests of one endpoint that are worked on at a time, in one process: threads, connections and Kafka's queue are for all."""
TURN_SECONDS = 2.0
"""A request waits for its turn no longer: some vendors give up after three seconds."""
ROOM_SHARE = 4
"""One endpoint's bodies may take a quarter of the room of all, but always one of the largest."""


class _Part(Room):
    """A part of a room."""

    def __init__(self, limit_bytes: int, whole: Room) -> None:
        super().__init__(limit_bytes)
        self._whole = whole

    def take(self, size: int) -> None:
        super().take(size)
        try:
            self._whole.take(size)
        except Problem:
            super().give_back(size)
            raise

    def give_back(self, size: int) -> None:
        super().give_back(size)
        self._whole.give_back(size)


@dataclass(slots=True)
class Share:
    """One endpoint's, while it has requests."""

    room: Room
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    requests: int = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until a request may be worked on. Raises Problem 503 when that takes too long."""
        try:
            await asyncio.wait_for(self.turns.acquire(), TURN_SECONDS)
        except TimeoutError:
            text = "too many requests to this endpoint are being worked on; send the same request again later"
            raise Problem(503, "busy", text, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}) from None
        try:
            yield
        finally:
            self.turns.release()


class Shares:
    """Those of all endpoints of a process."""

    def __init__(self, settings: IngestSettings) -> None:
        self._rate = Rate("endpoint", settings.requests_per_second_per_endpoint, settings.burst_seconds, of="requests")
        self._room = Room(settings.bodies_bytes)
        self._room_bytes = max(settings.bodies_bytes // ROOM_SHARE, settings.max_body_bytes)
        self._shares: dict[str, Share] = {}

    @contextmanager
    def of(self, endpoint: str) -> Iterator[Share]:
        """The share of an endpoint, for one more request. Raises Problem 429 when there are more than it may have."""
        bucket = self._rate.filled(endpoint, asyncio.get_running_loop().time())
        if bucket.tokens < 1:
            raise self._rate.too_fast(bucket)
        bucket.tokens -= 1
        share = self._shares.setdefault(endpoint, Share(_Part(self._room_bytes, self._room)))
        share.requests += 1
        try:
            yield share
        finally:
            share.requests -= 1
            if share.requests == 0:
                del self._shares[endpoint]
