"""What a real server's errors mean to us."""

import asyncio

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import InvalidEvent, Unavailable
from shared.settings import DatabaseSettings


async def run(sessions: Sessions, *statements: str) -> None:
    with typed_database_errors():
        async with sessions.begin() as session:
            for statement in statements:
                await session.execute(text(statement))


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "53300", "53100", "57P01", "55P03", "25006", "08006", "58030"])
async def test_these_mean_again(sessions: Sessions, sqlstate: str) -> None:
    with pytest.raises(Unavailable, match=sqlstate):
        await run(sessions, f"DO $$ BEGIN RAISE EXCEPTION 'made by the test' USING ERRCODE = '{sqlstate}'; END $$")


@pytest.mark.parametrize(
    "statement", ["SELECT CAST('x' AS int)", "SELECT 1 / 0", "INSERT INTO notes VALUES (NULL, gen_random_uuid(), 1, '{}')"]
)
async def test_these_mean_that_the_data_can_never_be_stored(sessions: Sessions, statement: str) -> None:
    with pytest.raises(InvalidEvent, match="refused_by_database_"):
        await run(sessions, statement)


async def test_a_defect_of_ours_passes_as_it_is(sessions: Sessions) -> None:
    with pytest.raises(ProgrammingError):
        await run(sessions, "SELECT * FROM no_such_table")


async def test_a_terminated_connection_means_again(sessions: Sessions) -> None:
    with pytest.raises(Unavailable):
        await run(sessions, "SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_transaction_that_the_server_ends_because_it_took_too_long_means_again_and_says_why(database: DatabaseSettings) -> None:
    engine = create_engine(database.model_copy(update={"transaction_timeout_seconds": 0.2}), "test")

    with pytest.raises(Unavailable, match=r"TransactionTimeoutError \(25P04\)"):
        await run(create_sessions(engine), "SELECT pg_sleep(60)")
    await engine.dispose()


async def test_a_server_that_is_not_there_means_again(database: DatabaseSettings) -> None:
    nobody = DatabaseSettings(url=SecretStr("postgresql://hearback:secret@127.0.0.1:1/none"))
    engine = create_engine(nobody, "test")

    with pytest.raises(Unavailable):
        await run(create_sessions(engine), "SELECT 1")
    await engine.dispose()


async def test_a_server_that_takes_too_long_to_answer_means_again() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="TimeoutError"), typed_database_errors():
            await asyncpg.connect(f"postgresql://hearback:secret@127.0.0.1:{port}/none", timeout=0.1)


async def test_the_server_ends_a_transaction_that_stands_still(database: DatabaseSettings) -> None:
    engine = create_engine(DatabaseSettings(url=database.url, transaction_timeout_seconds=0.3), "test")

    with pytest.raises(Unavailable), typed_database_errors():
        async with create_sessions(engine).begin() as session:
            await session.execute(text("SELECT 1"))
            await asyncio.sleep(0.8)
            await session.execute(text("SELECT 1"))
    await engine.dispose()


async def test_two_who_lock_each_other_out_are_told_to_come_again(database: DatabaseSettings, sessions: Sessions) -> None:
    first, second = [await asyncpg.connect(database.url.get_secret_value()) for _ in range(2)]
    await first.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
    await second.execute("BEGIN; SELECT pg_advisory_xact_lock(2)")

    async def lock(connection: asyncpg.Connection, key: int) -> None:
        with typed_database_errors():
            await connection.execute(f"SELECT pg_advisory_xact_lock({key})")

    results = await asyncio.gather(lock(first, 2), lock(second, 1), return_exceptions=True)

    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Unavailable"]
    await first.close()
    await second.close()
