"""How loops wait."""

import asyncio
from itertools import islice

from shared.loops import backoff, stopped_within


def test_pauses_grow_to_their_bound_and_are_jittered() -> None:
    pauses = list(islice(backoff(first=0.1, factor=2, longest=1), 10))

    for pause, whole in zip(pauses, (0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1, 1, 1), strict=True):
        assert whole / 2 <= pause <= whole


async def test_a_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)

    assert await asyncio.wait_for(stopped_within(stop, 60), 5)


async def test_without_a_stop_the_wait_ends_by_itself() -> None:
    assert not await stopped_within(asyncio.Event(), 0.01)
