"""Alembic, one history per service, run as a step of its own and never at a service's start.

Migrations expand, the code is deployed, a later migration contracts; each waits for its locks for a short time only, so
that it cannot queue up the service's own statements behind itself.
"""

import asyncio
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.sqlstates import typed_database_errors
from shared.settings import DatabaseSettings

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "10min"
SERVICES = Path(__file__).parents[2] / "services"
ONE_AT_A_TIME = 0x68656172  # advisory lock, so that two jobs take their turn


def config_of(service: str) -> Config:
    """The Alembic configuration of one service's history."""
    config = Config()
    config.set_main_option("script_location", str(SERVICES / service / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(service: str, database: DatabaseSettings, revision: str = "head") -> None:
    """Bring one service's database to `revision`. Raises Unavailable when PostgreSQL is away or a lock is not free."""
    with typed_database_errors():
        asyncio.run(_upgrade(service, database, revision))


async def _upgrade(service: str, database: DatabaseSettings, revision: str) -> None:
    url = sa.make_url(database.url.get_secret_value()).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade_on, service, revision)
    finally:
        await engine.dispose()


def _upgrade_on(connection: Connection, service: str, revision: str) -> None:
    config = config_of(service)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def run(metadata: sa.MetaData) -> None:
    """What every service's `env.py` calls: run the wanted migrations on the connection that `upgrade` opened."""
    connection: Connection = context.config.attributes["connection"]
    connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
        context.run_migrations()
    connection.commit()
