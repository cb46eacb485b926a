"""One holder at a time per database, for work that only one process may do (the relay, the publisher).

The lock is a session's advisory lock on a connection of its own with an `idle_session_timeout` (10 s unless set): a holder
that is stopped loses it without anybody's help, and finds its connection gone when it goes on.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import asyncpg
import structlog

from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, backoff, stopped_within
from shared.settings import DatabaseSettings

QUERY_AT_LEAST_EVERY_SECONDS = 2.0
TRY_AGAIN_SECONDS = 1.0

log = structlog.get_logger()


class LedWork(Protocol):
    """What the holder does, again and again; each call queries `connection` at least every two seconds."""

    async def __call__(self, connection: asyncpg.Connection, stop: asyncio.Event, beat: Beat) -> None: ...


async def lead(database: DatabaseSettings, name: str, work: LedWork, stop: asyncio.Event, beat: Beat) -> None:
    """Run `work` while this process holds the lock `name`; wait for the lock otherwise; until `stop` is set.

    A lost connection or an unavailable dependency gives the lock up and starts over; other errors pass.
    """
    pauses = backoff()
    while not stop.is_set():
        beat()
        try:
            with typed_database_errors():
                connection = await _connect(database, name)
                try:
                    if await _wait_for_lock(connection, name, stop, beat):
                        log.info("leadership taken", action="leadership_taken", lock=name)
                        pauses = backoff()
                        await work(connection, stop, beat)
                finally:
                    connection.terminate()
        except Unavailable as unavailable:
            log.warning("leadership lost", action="leadership_lost", lock=name, dependency=unavailable.dependency)
            await stopped_within(stop, next(pauses))


async def _connect(database: DatabaseSettings, name: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        database.url.get_secret_value(),
        timeout=5,
        command_timeout=database.transaction_timeout_seconds,
        server_settings={
            "application_name": f"hearback {name}",
            "idle_session_timeout": f"{database.leadership_idle_seconds * 1000:.0f}",
            "transaction_timeout": f"{database.transaction_timeout_seconds * 1000:.0f}",
        },
    )


async def _wait_for_lock(connection: asyncpg.Connection, name: str, stop: asyncio.Event, beat: Beat) -> bool:
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
        beat()
        if await stopped_within(stop, TRY_AGAIN_SECONDS):
            return False
    return True


async def keep_alive_while(connection: asyncpg.Connection, waiting: Awaitable[object], beat: Callable[[], None]) -> None:
    """Await something slow without letting the session go idle. Raises what `waiting` raises."""
    task = asyncio.ensure_future(waiting)
    try:
        while not (await asyncio.wait({task}, timeout=QUERY_AT_LEAST_EVERY_SECONDS))[0]:
            beat()
            await connection.execute("SELECT 1")
    finally:
        task.cancel()
    await task
