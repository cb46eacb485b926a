"""Ingest's database, migrated once for the tests of surveys and emptied before each."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from pydantic import SecretStr

import services.ingest.surveys.schema  # noqa: F401 - adds its tables
from services.ingest.schema import metadata
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.ingest.surveys.world import World
from tests.servers import PostgresServer


@pytest_asyncio.fixture(scope="session")
async def surveys_database(postgres_server: PostgresServer) -> DatabaseSettings:
    """A database of ingest's, at the head of its history."""
    database = DatabaseSettings(url=SecretStr(await postgres_server.create_database("tests_surveys")))
    await asyncio.to_thread(upgrade, "ingest", database)
    return database


@pytest_asyncio.fixture
async def sessions(surveys_database: DatabaseSettings) -> AsyncIterator[Sessions]:
    """Sessions on empty tables."""
    engine = create_engine(surveys_database, "tests")
    async with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):  # quicker than TRUNCATE, which makes new files
            await connection.execute(table.delete())
    yield create_sessions(engine)
    await engine.dispose()


@pytest_asyncio.fixture
async def world(sessions: Sessions) -> AsyncIterator[World]:
    """The role, with a tenant that has a public form."""
    world = World(sessions)
    async with world.stack:
        await world.settle_in()
        yield world
