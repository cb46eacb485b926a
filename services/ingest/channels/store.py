"""The rows of endpoints and their secrets. Nothing here commits; every statement but the directory's names the tenant."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.channels.endpoint import StoredEndpoint, StoredSecrets
from shared.database.timers import wake

CHANNEL = "hearback_channel_endpoints"

_COLUMNS = "id, tenant, channel, name, zone, country, options, calls_per_minute, version, created_at, updated_at, disabled_at"
_SECRETS = """
    ARRAY(SELECT version FROM channel_secrets AS s WHERE s.tenant = e.tenant AND s.endpoint = e.id ORDER BY version DESC) AS versions,
    ARRAY(SELECT sealed FROM channel_secrets AS s WHERE s.tenant = e.tenant AND s.endpoint = e.id ORDER BY version DESC) AS sealed,
    ARRAY(SELECT valid_until FROM channel_secrets AS s WHERE s.tenant = e.tenant AND s.endpoint = e.id ORDER BY version DESC) AS until
"""
_INSERT = text(f"""
    INSERT INTO channel_endpoints ({_COLUMNS}, next_call_at)
    VALUES (:id, :tenant, :channel, :name, :zone, :country, :options, :calls_per_minute, :version, :created_at, :updated_at, :disabled_at,
        now())
""").bindparams(bindparam("options", type_=JSON))  # noqa: S608 - the columns are ours
_UPDATE = text("""
    UPDATE channel_endpoints SET name = :name, zone = :zone, country = :country, options = :options, calls_per_minute = :calls_per_minute,
        version = :version, updated_at = :updated_at, disabled_at = :disabled_at
    WHERE tenant = :tenant AND id = :id
""").bindparams(bindparam("options", type_=JSON))
_FIND = f"SELECT {_COLUMNS}, {_SECRETS} FROM channel_endpoints AS e WHERE tenant = :tenant AND id = :id"  # noqa: S608
_LIST = text(f"""
    SELECT {_COLUMNS}, {_SECRETS} FROM channel_endpoints AS e
    WHERE tenant = :tenant AND disabled_at IS NULL AND id > :after ORDER BY id LIMIT :limit
""")  # noqa: S608
_BY_IDS = text(f"""
    SELECT {_COLUMNS}, {_SECRETS} FROM channel_endpoints AS e
    WHERE id = ANY(CAST(:ids AS text[])) AND disabled_at IS NULL
""")  # noqa: S608
_VERSIONS = text("SELECT id, version FROM channel_endpoints WHERE disabled_at IS NULL")
_END_SECRETS = text("""
    UPDATE channel_secrets SET valid_until = :until WHERE tenant = :tenant AND endpoint = :endpoint AND valid_until IS NULL
""")
_ADD_SECRETS = text("""
    INSERT INTO channel_secrets (tenant, endpoint, version, sealed) VALUES (:tenant, :endpoint, :version, :sealed)
""")
_DROP_SECRETS = text("DELETE FROM channel_secrets WHERE tenant = :tenant AND endpoint = :endpoint")
_DROP_ENDED = text("DELETE FROM channel_secrets WHERE tenant = :tenant AND endpoint = :endpoint AND valid_until <= :since")


async def save_endpoint(session: AsyncSession, endpoint: StoredEndpoint, *, new: bool) -> None:
    """Insert or update a row; every replica hears of it when this transaction commits."""
    row = {name: getattr(endpoint, name) for name in _COLUMNS.split(", ")} | {"options": dict(endpoint.options)}
    await session.execute(_INSERT if new else _UPDATE, row)
    await wake(session, CHANNEL)


async def add_secrets(session: AsyncSession, endpoint: StoredEndpoint, sealed: bytes, *, former_until: datetime, forget: datetime) -> None:
    """Put in the secrets of the endpoint's present version. Those in force stay so until `former_until`; ended before `forget`: gone."""
    named = {"tenant": endpoint.tenant, "endpoint": endpoint.id}
    await session.execute(_END_SECRETS, {**named, "until": former_until})
    await session.execute(_DROP_ENDED, {**named, "since": forget})
    await session.execute(_ADD_SECRETS, {**named, "version": endpoint.version, "sealed": sealed})


async def drop_secrets(session: AsyncSession, tenant: str, endpoint: str) -> None:
    """Forget all secrets of an endpoint."""
    await session.execute(_DROP_SECRETS, {"tenant": tenant, "endpoint": endpoint})


async def find_endpoint(session: AsyncSession, tenant: str, id: str, *, for_update: bool = False) -> StoredEndpoint | None:
    """One endpoint of this tenant, also one that is disabled."""
    query = text(_FIND + (" FOR UPDATE" if for_update else ""))
    row = (await session.execute(query, {"tenant": tenant, "id": id})).mappings().one_or_none()
    return None if row is None else _endpoint(row)


async def list_endpoints(session: AsyncSession, tenant: str, *, after: str, limit: int) -> list[StoredEndpoint]:
    """Those of this tenant that are not disabled, by id."""
    rows = await session.execute(_LIST, {"tenant": tenant, "after": after, "limit": limit})
    return [_endpoint(row) for row in rows.mappings()]


async def versions(session: AsyncSession) -> dict[str, int]:
    """The version of every endpoint of all tenants that is not disabled: for the directory."""
    return {row.id: row.version for row in await session.execute(_VERSIONS)}


async def endpoints_by_id(session: AsyncSession, ids: Sequence[str]) -> list[StoredEndpoint]:
    """Endpoints of any tenant that are not disabled: for the directory, which knows them by their unguessable ids."""
    return [_endpoint(row) for row in (await session.execute(_BY_IDS, {"ids": list(ids)})).mappings()]


def _endpoint(row: Mapping[Any, Any]) -> StoredEndpoint:
    secrets = [StoredSecrets(*one) for one in zip(row["versions"], row["sealed"], row["until"], strict=True)]
    return StoredEndpoint(**{name: row[name] for name in _COLUMNS.split(", ")}, secrets=secrets)
