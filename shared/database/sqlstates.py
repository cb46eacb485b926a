"""What a database error means to us: come again, this data can never be stored, or (anything else) a defect.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.errors import HearbackError, InvalidEvent, Unavailable

AGAIN = (
    "08",  # connection exceptions
    "25006",  # read-only: a standby that was just promoted, or will be
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
    "40001",  # serialization failure
    "40P01",  # deadlock
    "53",  # out of disk, memory or connections
    "55P03",  # lock_timeout
    "57014",  # statement_timeout, or cancelled by an administrator
    "57P01",  # shutdown by an administrator
    "57P02",  # the server crashed
    "57P03",  # the server is starting up
    "57P05",  # idle_session_timeout
    "58",  # the server's own disk failed it
)

NEVER = (
    "22",  # data exceptions: a NUL, a number out of range, an impossible date
    "23502",  # a required column is null
    "23514",  # a check constraint says no
    "54",  # larger than an index row or the protocol can hold
)

DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def classify(error: BaseException) -> HearbackError | None:
    """Unavailable when trying again can help, InvalidEvent when the data itself is refused, None when unforeseen."""
    if isinstance(error, PoolTimeoutError):
        return Unavailable("postgres", "every connection of the pool is in use")
    cause = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig.__cause__ or error.orig  # SQLAlchemy's asyncpg dialect wraps the driver's error once more
    if isinstance(cause, asyncpg.ConnectionDoesNotExistError) and isinstance(cause.__cause__, asyncpg.PostgresError):
        cause = cause.__cause__  # the connection was lost because the server ended it, and had said why
    sqlstate = getattr(cause, "sqlstate", None)
    if isinstance(sqlstate, str):
        if sqlstate.startswith(AGAIN):
            return Unavailable("postgres", f"{type(cause).__name__} ({sqlstate})")
        if sqlstate.startswith(NEVER):
            return InvalidEvent(f"refused_by_database_{sqlstate.lower()}")
        return None
    if isinstance(cause, asyncpg.DataError):  # refused by the driver before it was sent, hence without an SQLSTATE
        return InvalidEvent("refused_by_database_22000")
    if isinstance(cause, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError):
        return Unavailable("postgres", type(cause).__name__)
    return None


@contextmanager
def typed_database_errors() -> Iterator[None]:
    """Turn the database errors that we know into the errors of shared.errors; others pass unchanged."""
    try:
        yield
    except DATABASE_ERRORS as error:
        known = classify(error)
        if known is None:
            raise
        raise known from error
