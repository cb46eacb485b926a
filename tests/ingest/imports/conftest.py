"""Ingest's database, migrated once and emptied before each test, with two tenants in it."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from services.ingest import access_store
from services.ingest.imports import schema
from shared.clock import utc_now
from shared.database.engine import create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.ingest.imports.world import World
from tests.servers import PostgresServer


@pytest_asyncio.fixture(scope="session")
async def imports_database(postgres_server: PostgresServer) -> DatabaseSettings:
    """A database of ingest's, at the head of its history."""
    database = DatabaseSettings(url=SecretStr(await postgres_server.create_database("tests_imports")))
    await asyncio.to_thread(upgrade, "ingest", database)
    return database


@pytest_asyncio.fixture
async def world(imports_database: DatabaseSettings) -> AsyncIterator[World]:
    """The role imports in this process, on empty tables but for the tenants acme and other."""
    engine = create_engine(imports_database, "tests")
    tables = ", ".join(table.name for table in schema.metadata.sorted_tables)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY"))
    sessions = create_sessions(engine)
    async with sessions.begin() as session:
        for tenant in ("acme", "other"):
            await access_store.create_tenant(session, id=tenant, name=tenant, zone="Europe/Berlin", actor="test", now=utc_now())
        await session.execute(text("TRUNCATE outbox, audit"))
    yield World(imports_database, sessions)
    await engine.dispose()
