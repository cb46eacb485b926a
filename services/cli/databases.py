"""A service's database for commands: found as the service itself would find it, its refusals said in one line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError, DBAPIError

from services.cli.settings import LocalSettings
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.sqlstates import DATABASE_ERRORS, typed_database_errors
from shared.errors import ConfigurationError
from shared.settings import DatabaseSettings, load

NOT_AS_CONFIGURED = {
    "28": "the user or the password is not right",
    "3D": "there is no such database",
    "42P01": "its tables are missing; run `hearback migrate` first",
    "42703": "its tables are older than this version; run `hearback migrate` first",
    "42501": "its user may not do this",
}
"""SQLSTATEs that a person mends, by their beginning."""


@asynccontextmanager
async def open_database(service: str, application_name: str) -> AsyncIterator[Sessions]:
    """Sessions on the database of `service`. Call `join_running_stack` before, so that a running stack is found.

    Raises ConfigurationError when none is known or it is not as it should be, Unavailable when it does not answer.
    """
    url = load(LocalSettings).database_url_of(service)
    variable = f"HEARBACK_{service.upper()}_DATABASE_URL"
    if url is None:
        raise ConfigurationError(f"the database of {service} is not known: start the stack with `make run`, or set {variable}")
    try:
        engine = create_engine(DatabaseSettings(url=SecretStr(url), pool_size=1), application_name)
    except ArgumentError:
        raise ConfigurationError(f"{variable} must be postgresql://user:password@host:port/database") from None
    try:
        with typed_database_errors():
            yield create_sessions(engine)
    except DATABASE_ERRORS as error:
        reason = _what_to_mend(error)
        if reason is None:
            raise
        raise ConfigurationError(f"the database that {variable} names: {reason}") from error
    finally:
        await engine.dispose()


def _what_to_mend(error: Exception) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    sqlstate = str(getattr(cause, "sqlstate", ""))
    return next((reason for prefix, reason in NOT_AS_CONFIGURED.items() if sqlstate.startswith(prefix)), None)
