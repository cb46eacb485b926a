"""PostgreSQL of the local stack: durable, ours alone, and not stopped by what a killed server left."""

import asyncpg
import pytest

from tests.servers import PostgresServer


async def test_what_was_committed_is_still_there_after_a_kill(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create_database("stack_survives")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE heard (what text); INSERT INTO heard VALUES ('everything')")
    await connection.close()
    killed = postgres_server.pid

    postgres_server.kill()
    await postgres_server.restart()

    assert postgres_server.pid != killed
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT what FROM heard") == "everything"
    await connection.close()


async def test_nobody_gets_in_without_the_password(postgres_server: PostgresServer) -> None:
    url = postgres_server.url_for("postgres")
    address = url.rpartition("@")[2]

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://hearback:guessed@{address}")


async def test_it_sorts_and_compares_text_as_unicode_code_points(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres_server.url_for("postgres"))

    provider = await connection.fetchrow("SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database LIMIT 1")

    assert provider is not None
    assert tuple(provider) == (b"b", "C.UTF-8", "UTF8")
    await connection.close()
