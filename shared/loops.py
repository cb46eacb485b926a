"""Long-running loops: what a service runs beside its HTTP server, how they are watched, and how they wait."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Beat = Callable[[], None]
Item = TypeVar("Item")
TURN_SECONDS = 0.0003
"""So short that a transaction under way beside long work gets on: each of its statements waits for a turn."""


class Loop(Protocol):
    """Work that goes on until `stop` is set, then finishes what it has begun and returns.

    It calls `beat` at least every few seconds; one that no longer does makes `/health/live` fail. Whatever it raises
    ends the process.
    """

    name: str

    async def run(self, stop: asyncio.Event, beat: Beat) -> None: ...


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep for `seconds`, or less when `stop` is set meanwhile; says whether it is."""
    await any_within(seconds, stop)
    return stop.is_set()


async def any_within(seconds: float, *events: asyncio.Event) -> None:
    """Sleep for `seconds`, or less when any of the events is set meanwhile."""
    waiters = {asyncio.ensure_future(event.wait()) for event in events}
    try:
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


async def in_turns(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The same items, for work on many of them: whoever else wants the event loop gets it in between, three times a millisecond.

    A process that computes for seconds without a pause answers nobody, and connections that it is making meanwhile time out.
    """
    turn_ends = time.monotonic() + TURN_SECONDS
    for item in items:
        yield item
        if time.monotonic() >= turn_ends:
            await asyncio.sleep(0)
            turn_ends = time.monotonic() + TURN_SECONDS


def backoff(first: float = 0.1, factor: float = 2.0, longest: float = 5.0) -> Iterator[float]:
    """Seconds to wait before each next try: growing, bounded, with jitter so that replicas do not come back in step."""
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
        pause = min(pause * factor, longest)
