"""Ingest's database, migrated once and emptied before each test, with two tenants in it; the loopback vendor among the channels."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from services.ingest import access_store
from services.ingest.adapters import adapters
from services.ingest.channels import schema
from shared.clock import utc_now
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.ingest.channels.replica import Replica, serving
from tests.ingest.channels.vendor import ADAPTER, Vendor, selling
from tests.servers import PostgresServer


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    """The vendor on this machine is a channel."""
    adapters()[ADAPTER.name] = ADAPTER
    yield
    del adapters()[ADAPTER.name]


@pytest_asyncio.fixture(scope="session")
async def channels_database(postgres_server: PostgresServer) -> DatabaseSettings:
    """A database of ingest's, at the head of its history."""
    database = DatabaseSettings(url=SecretStr(await postgres_server.create_database("tests_channels")))
    await asyncio.to_thread(upgrade, "ingest", database)
    return database


@pytest_asyncio.fixture
async def sessions(channels_database: DatabaseSettings) -> AsyncIterator[Sessions]:
    """Sessions on empty tables but for the tenants acme and other."""
    engine = create_engine(channels_database, "tests")
    tables = ", ".join(table.name for table in schema.metadata.sorted_tables)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    sessions = create_sessions(engine)
    async with sessions.begin() as session:
        for tenant in ("acme", "other"):
            await access_store.create_tenant(session, id=tenant, name=tenant, actor="test", now=utc_now())
        await session.execute(text("TRUNCATE outbox, audit"))
    yield sessions
    await engine.dispose()


@pytest_asyncio.fixture
async def replica(channels_database: DatabaseSettings, sessions: Sessions) -> AsyncIterator[Replica]:
    """A replica that answers."""
    async with serving(channels_database, sessions) as replica:
        yield replica


@pytest_asyncio.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """The vendor's server."""
    async with selling() as vendor:
        yield vendor
