"""The pool: what broke, or was ended while it lay there, is not lent again."""

import asyncio
import os
import signal

import asyncpg
import pytest
from sqlalchemy import text

from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.settings import DatabaseSettings

CONNECTIONS = 8  # the size of the pool


async def work(sessions: Sessions, seconds: float = 0.0) -> int:
    """The backend that has served a transaction of so many seconds."""
    with typed_database_errors():
        async with sessions.begin() as session:
            backend: int = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    return backend


async def terminate(database: DatabaseSettings, backends: set[int]) -> None:
    """End these backends, and return when the server has none of them any more."""
    connection = await asyncpg.connect(database.url.get_secret_value())
    ended = await connection.fetchval("SELECT count(*) FROM unnest($1::int[]) AS pid WHERE pg_terminate_backend(pid, 5000)", backends)
    assert ended == len(backends)
    await connection.close()


async def test_connections_that_the_server_ended_while_they_lay_in_the_pool_fail_no_request(
    sessions: Sessions, database: DatabaseSettings
) -> None:
    before = set(await asyncio.gather(*(work(sessions, 0.2) for _ in range(CONNECTIONS))))
    await terminate(database, before)

    after = await asyncio.gather(*(work(sessions) for _ in range(2 * CONNECTIONS)))

    assert len(before) == CONNECTIONS
    assert before.isdisjoint(after)


async def test_connections_that_are_ended_in_mid_transaction_fail_that_one_alone(sessions: Sessions, database: DatabaseSettings) -> None:
    before = set(await asyncio.gather(*(work(sessions, 0.2) for _ in range(CONNECTIONS))))
    in_flight = [asyncio.create_task(work(sessions, 30)) for _ in range(3)]
    await asyncio.sleep(0.2)
    await terminate(database, before)
    failed = await asyncio.gather(*in_flight, return_exceptions=True)

    after = await asyncio.gather(*(work(sessions) for _ in range(2 * CONNECTIONS)))

    assert [type(failure) for failure in failed] == [Unavailable] * 3
    assert before.isdisjoint(after)


async def test_a_server_that_falls_silent_is_given_up_and_another_connection_taken(database: DatabaseSettings) -> None:
    engine = create_engine(DatabaseSettings(url=database.url, pool_size=1, transaction_timeout_seconds=0.5), "test")
    sessions = create_sessions(engine)
    silent = await work(sessions)
    os.kill(silent, signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(work(sessions), 10)

        assert await work(sessions) != silent
    finally:
        os.kill(silent, signal.SIGCONT)
    await engine.dispose()
