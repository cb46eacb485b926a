"""Writing a result that cannot be had again: in a transaction of its own, however often PostgreSQL goes away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import backoff

T = TypeVar("T")


async def insist(sessions: Sessions, work: Callable[[AsyncSession], Awaitable[T]], until: float) -> T:
    """Do `work` in a transaction, again while PostgreSQL is away. Raises Unavailable when `until`, on the loop's clock, has passed."""
    for pause in backoff():
        try:
            with typed_database_errors():
                async with sessions.begin() as session:
                    return await work(session)
        except Unavailable:
            if asyncio.get_running_loop().time() + pause > until:
                raise
            await asyncio.sleep(pause)
    raise AssertionError("back-off has no end")
