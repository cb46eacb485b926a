"""What is known of a server: that it answers, and that it cannot write. Its full disk is in tests/faults."""

import asyncio

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text

from shared.database.engine import create_engine
from shared.database.watch import DatabaseWatch
from shared.settings import DatabaseSettings
from tests.servers import PostgresServer
from tests.shared.loops import running


async def test_a_server_that_is_read_only_answers_and_cannot_write(postgres_server: PostgresServer) -> None:
    engine = create_engine(DatabaseSettings(url=SecretStr(await postgres_server.create_database("read_only"))), "test")
    registry = CollectorRegistry()
    watch = DatabaseWatch(engine, "test", registry)
    before = await watch.missing()
    async with engine.begin() as connection:
        await connection.execute(text("ALTER DATABASE read_only SET default_transaction_read_only = on"))
    await engine.dispose()  # connections made from here on are read-only

    async with running(watch), asyncio.timeout(30):
        while await watch.missing() is not None:
            await asyncio.sleep(0.02)
        while (why := await watch.unwritable()) is None:
            await asyncio.sleep(0.02)
    await engine.dispose()

    assert before == "the database does not answer"
    assert why == "the database cannot write: it is read-only"
    assert (registry.get_sample_value("hearback_test_database_up"), registry.get_sample_value("hearback_test_database_writable")) == (1, 0)
