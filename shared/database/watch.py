"""Watches one database: that the server is new enough for what rests on it, and whether it answers."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

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
        self._answers = False
        self._gauge = Gauge(f"hearback_{service}_database_up", "1 while PostgreSQL answers.", registry=registry)

    async def missing(self) -> str | None:
        """For readiness: what is missing, or None."""
        return None if self._answers else "the database does not answer"

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Ask until `stop` is set. Raises ConfigurationError when the server is too old."""
        while not stop.is_set():
            beat()
            try:
                with typed_database_errors():
                    await self._ask()
                answers = True
            except Unavailable as unavailable:
                answers = False
                if self._answers:
                    log.warning("database is away", action="database_away", detail=unavailable.detail)
            self._answers = answers
            self._gauge.set(answers)
            await stopped_within(stop, EVERY_SECONDS)

    async def _ask(self) -> None:
        async with self._engine.connect() as connection:
            version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
        if version < OLDEST_SERVER:
            raise ConfigurationError(f"PostgreSQL 17 or newer is needed (transaction_timeout), this server is {version // 10000}")
