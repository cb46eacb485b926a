"""Watches one database: that the server is new enough for what rests on it, whether it answers, and whether it can write."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database.sqlstates import typed_database_errors
from shared.errors import ConfigurationError, Unavailable
from shared.loops import Beat, stopped_within

OLDEST_SERVER = 170000  # transaction_timeout came with PostgreSQL 17
EVERY_SECONDS = 2.0

log = structlog.get_logger()


class DatabaseWatch:
    """A loop that asks the server every two seconds, and what readiness and metrics know of it."""

    name = "database watch"

    def __init__(self, engine: AsyncEngine, service: str, registry: CollectorRegistry) -> None:
        self._engine = engine
        self._missing: str | None = "the database does not answer"
        self._unwritable: str | None = None
        self._up = Gauge(f"hearback_{service}_database_up", "1 while PostgreSQL answers.", registry=registry)
        self._writable = Gauge(f"hearback_{service}_database_writable", "1 while PostgreSQL answers and can write.", registry=registry)

    async def missing(self) -> str | None:
        """For readiness: that the server does not answer, or None."""
        return self._missing

    async def unwritable(self) -> str | None:
        """For readiness: why a server that answers cannot write, or None."""
        return self._unwritable

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Ask until `stop` is set. Raises ConfigurationError when the server is too old."""
        while not stop.is_set():
            beat()
            missing = await self._failure("the database does not answer", _check_version)
            unwritable = None if missing else await self._failure("the database cannot write", _write)
            failure = missing or unwritable
            if failure not in (None, self._missing, self._unwritable):
                log.warning("database fails", action="database_fails", detail=failure)
            self._missing, self._unwritable = missing, unwritable
            self._up.set(missing is None)
            self._writable.set(missing is None and unwritable is None)
            await stopped_within(stop, EVERY_SECONDS)

    async def _failure(self, means: str, ask: Callable[[AsyncConnection], Awaitable[None]]) -> str | None:
        try:
            with typed_database_errors():
                async with self._engine.connect() as connection:
                    await ask(connection)
        except Unavailable as unavailable:
            return f"{means}: {unavailable.detail}"
        return None


async def _check_version(connection: AsyncConnection) -> None:
    version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    if version < OLDEST_SERVER:
        raise ConfigurationError(f"PostgreSQL 17 or newer is needed (transaction_timeout), this server is {version // 10000}")


async def _write(connection: AsyncConnection) -> None:
    """Have the server write a file of a few bytes beside its tables: an exported snapshot, gone with this transaction.

    That needs no table, leaves nothing behind, and stands in no log. Some hosted servers do not run full but become read-only before.
    """
    if (await connection.execute(text("SHOW transaction_read_only"))).scalar_one() == "on":
        raise Unavailable("postgres", "it is read-only")
    await connection.execute(text("SELECT pg_export_snapshot()"))
