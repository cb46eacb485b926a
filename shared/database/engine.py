"""Engine and sessions. One of each per process, made in `main`; a session is opened at the edge and stores never commit."""

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.engine import AdaptedConnection, ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from shared.settings import DatabaseSettings

SILENT_SECONDS = 2.0
"""How long after the server should have ended a transaction its silence means that the machine is gone."""

Sessions = async_sessionmaker[AsyncSession]


def create_engine(database: DatabaseSettings, application_name: str) -> AsyncEngine:
    """An engine whose transactions the server itself ends after `transaction_timeout_seconds`.

    That limit is what keeps a process that was stopped in mid-transaction from holding its locks for ever, and one whose
    server vanished without a word, as a machine does that loses its power, from waiting for ever.
    """
    engine = create_async_engine(
        make_url(database.url.get_secret_value()).set(drivername="postgresql+asyncpg"),
        pool_size=database.pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        hide_parameters=True,
        connect_args={
            "timeout": 5,
            "command_timeout": database.transaction_timeout_seconds + SILENT_SECONDS,
            "server_settings": {
                "application_name": application_name,
                "transaction_timeout": f"{database.transaction_timeout_seconds * 1000:.0f}",
                "jit": "off",
                "random_page_cost": "1.1",  # solid state: a lookup by key beats reading a growing table from end to end
                "timezone": "UTC",
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _discard_what_broke)
    event.listen(engine.sync_engine, "checkout", _lend_no_dead_connection)
    return engine


def _discard_what_broke(context: ExceptionContext) -> None:
    """Never lend again what died in the middle of something, which is an internal error of the driver, or does not answer any more."""
    error = context.original_exception
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, asyncpg.InternalClientError):
        context.is_disconnect = True


def _lend_no_dead_connection(connection: AdaptedConnection, *_: object) -> None:
    """A connection that the server closed while nobody used it, as all are by a restart, is replaced before it fails a request.

    The driver knows it without asking the server. Whatever is in the pool beside it is replaced too.
    """
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
