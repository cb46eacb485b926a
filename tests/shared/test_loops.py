"""How loops wait."""

import asyncio
import time
from itertools import islice

from shared.loops import TURN_SECONDS, backoff, in_turns, stopped_within


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


async def test_others_get_the_loop_while_many_items_are_worked_on() -> None:
    turns: list[int] = []

    async def other() -> None:
        while True:
            turns.append(len(done))
            await asyncio.sleep(0)

    done: list[int] = []
    beside = asyncio.create_task(other())
    async for item in in_turns(range(20)):
        ends = time.monotonic() + TURN_SECONDS
        while time.monotonic() < ends:
            pass
        done.append(item)
    beside.cancel()

    assert done == list(range(20))
    assert turns == list(range(1, 21))
