"""Ingest's history makes exactly the tables that the code knows."""

import asyncio

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy.engine import Connection

import services.ingest.channels.schema
import services.ingest.imports.schema
import services.ingest.surveys.schema  # noqa: F401 - adds its tables
from services.ingest.schema import metadata
from shared.database.engine import create_engine
from shared.database.migrations import upgrade
from shared.settings import DatabaseSettings
from tests.servers import PostgresServer


async def test_migrations_from_empty_leave_autogenerate_nothing_to_do_and_repeat_without_effect(postgres_server: PostgresServer) -> None:
    database = DatabaseSettings(url=SecretStr(await postgres_server.create_database("tests_ingest")))
    engine = create_engine(database, "tests")

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        known = {*metadata.tables, "alembic_version"}
        strangers = [name for name in sa.inspect(connection).get_table_names() if name not in known]
        return [*strangers, *compare_metadata(context, metadata)]

    for _ in range(2):
        await asyncio.to_thread(upgrade, "ingest", database)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    await engine.dispose()
