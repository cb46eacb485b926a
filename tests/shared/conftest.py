"""A database for the tests of the shared parts."""

from collections.abc import AsyncIterator

import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database.engine import Sessions, create_engine, create_sessions
from shared.kafka.topics import ensure_topics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.servers import KafkaServer, PostgresServer
from tests.shared.tables import metadata


@pytest_asyncio.fixture(scope="session")
async def database(postgres_server: PostgresServer) -> DatabaseSettings:
    """An own database with the runtime's tables in it."""
    url = await postgres_server.create_database("shared_parts")
    database = DatabaseSettings(url=SecretStr(url))
    engine = create_engine(database, "test")
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    return database


@pytest_asyncio.fixture
async def engine(database: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """An engine on empty tables."""
    engine = create_engine(database, "test")
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE consumer_offsets, outbox, audit, idempotency_keys, notes"))
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def sessions(engine: AsyncEngine) -> Sessions:
    """Sessions on empty tables."""
    return create_sessions(engine)


@pytest_asyncio.fixture(scope="session")
async def kafka(kafka_server: KafkaServer) -> KafkaSettings:
    """Settings that reach the test session's Kafka, where all topics exist."""
    settings = KafkaSettings(bootstrap=kafka_server.bootstrap, session_timeout_seconds=6, request_timeout_seconds=8)
    await ensure_topics(settings)
    return settings
