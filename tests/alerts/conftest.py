"""Alerts' database, migrated once for all tests and emptied before each."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from services.alerts.schema import metadata
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.servers import PostgresServer


@pytest_asyncio.fixture(scope="session")
async def alerts_database(postgres_server: PostgresServer) -> DatabaseSettings:
    """A database of alerts', at the head of its history. Some tests do in one transaction what ten do in the service."""
    url = SecretStr(await postgres_server.create_database("tests_alerts"))
    database = DatabaseSettings(url=url, transaction_timeout_seconds=150.0)
    await asyncio.to_thread(upgrade, "alerts", database)
    return database


@pytest_asyncio.fixture
async def sessions(alerts_database: DatabaseSettings) -> AsyncIterator[Sessions]:
    """Sessions on empty tables."""
    engine = create_engine(alerts_database, "tests")
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(table.name for table in metadata.sorted_tables)} RESTART IDENTITY"))
    yield create_sessions(engine)
    await engine.dispose()
