"""How long work holds the event loop: processor time of this thread between two turns of somebody else's, whatever the neighbours do."""

import asyncio
import gc
import time
from collections.abc import Awaitable

LONGEST_HOLD_SECONDS = 0.25
"""Some 30 ms here; with room for a machine several times as slow, and far below what a batch needs in all."""


async def longest_hold(work: Awaitable[object]) -> float:
    """Do the work; the most processor seconds that anybody else had to wait meanwhile. Garbage is collected as in a service."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    working = asyncio.ensure_future(work)
    longest, since = 0.0, time.thread_time()
    while not working.done():
        await asyncio.sleep(0.001)
        now = time.thread_time()
        longest, since = max(longest, now - since), now
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    await working
    return longest
