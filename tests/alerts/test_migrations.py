"""Alerts' history makes exactly the tables that the code knows."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from services.alerts.schema import metadata
from shared.database.engine import create_engine
from shared.settings import DatabaseSettings


async def test_migrations_from_empty_leave_autogenerate_nothing_to_do(alerts_database: DatabaseSettings) -> None:
    engine = create_engine(alerts_database, "tests")

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        known = {*metadata.tables, "alembic_version"}
        strangers = [name for name in sa.inspect(connection).get_table_names() if name not in known]
        return [*strangers, *compare_metadata(context, metadata)]

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []
