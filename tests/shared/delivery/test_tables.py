"""The statements that services copy into their migrations make the tables that the metadata describes."""

import textwrap
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database.metadata import INSTANT, NAMING
from shared.delivery import tables
from tests.servers import PostgresServer


async def test_the_documented_migration_makes_the_tables(postgres_server: PostgresServer) -> None:
    url = await postgres_server.create_database("delivery_migration")
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    metadata = sa.MetaData(naming_convention=NAMING)
    tables.delivery_tables(metadata)

    def migrate_and_compare(connection: sa.Connection) -> list[Any]:
        context = MigrationContext.configure(connection)
        documented = (tables.__doc__ or "").partition("migration):\n")[2]
        names: dict[str, Any] = {"op": Operations(context), "sa": sa, "INSTANT": INSTANT}
        exec(textwrap.dedent(documented), names)
        names["upgrade"]()
        return list(compare_metadata(context, metadata))

    async with engine.begin() as connection:
        differences = await connection.run_sync(migrate_and_compare)
    await engine.dispose()

    assert differences == []
