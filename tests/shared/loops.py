"""Runs a loop of ours beside a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.loops import Loop


@asynccontextmanager
async def running(*loops: Loop) -> AsyncIterator[None]:
    """The loops turn while the body runs; one that ended by itself fails the test at the end."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop.run(stop, lambda: None), name=loop.name) for loop in loops]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
