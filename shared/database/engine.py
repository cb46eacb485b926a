"""Engine and sessions. One of each per process, made in `main`; a session is opened at the edge and stores never commit."""

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from shared.settings import DatabaseSettings

Sessions = async_sessionmaker[AsyncSession]


def create_engine(database: DatabaseSettings, application_name: str) -> AsyncEngine:
    """An engine whose transactions the server itself ends after `transaction_timeout_seconds`.

    That limit is what keeps a process that was stopped in mid-transaction from holding its locks for ever.
    """
    return create_async_engine(
        make_url(database.url.get_secret_value()).set(drivername="postgresql+asyncpg"),
        pool_size=database.pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=False,
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": application_name,
                "transaction_timeout": f"{database.transaction_timeout_seconds * 1000:.0f}",
                "jit": "off",
                "random_page_cost": "1.1",  # solid state: a lookup by key beats reading a growing table from end to end
                "timezone": "UTC",
            },
        },
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Sessions whose objects stay readable after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
