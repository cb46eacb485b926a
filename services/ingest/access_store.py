"""Tenants and keys: rows of ingest's database, announced on `access.v1` by the same transaction that changes them."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.schema import keys, tenants
from shared.contracts.access import KeyRecord, Scope, TenantRecord
from shared.contracts.decoding import encode_own
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.fields import Record
from shared.contracts.topics import ACCESS
from shared.database.audit import record_change
from shared.database.outbox import OutboxRecord, enqueue
from shared.ids import uuid7

SOURCE = "/ingest/access"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is stored: everything but the secret, of which only a hash exists."""

    id: str
    tenant: str
    scopes: Sequence[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def create_tenant(
    session: AsyncSession, *, id: str, name: str, zone: str = "UTC", languages: Sequence[str] = ("en",), actor: str, now: datetime
) -> TenantRecord | None:
    """Store and announce a tenant; None when there is one with this id. Does not commit."""
    record = TenantRecord(tenant=id, name=name, zone=zone, languages=tuple(languages), created_at=now)
    inserted = await session.execute(
        insert(tenants).values({**_stored(record), "version": 1}).on_conflict_do_nothing().returning(tenants.c.id)
    )
    if inserted.first() is None:
        return None
    await _announce_tenant(session, record, version=1, now=now)
    await record_change(
        session, tenant=id, at=now, actor=actor, action="create", changed=f"tenant:{id}", before=None, after=record.model_dump(mode="json")
    )
    return record


async def list_tenants(session: AsyncSession, *, after: str, limit: int) -> Sequence[TenantRecord]:
    """Tenants by id, those after `after`, at most `limit`."""
    rows = await session.execute(sa.select(tenants).where(tenants.c.id > after).order_by(tenants.c.id).limit(limit))
    return [_tenant(row) for row in rows]


async def find_tenant(session: AsyncSession, tenant: str) -> TenantRecord | None:
    """One tenant."""
    row = (await session.execute(sa.select(tenants).where(tenants.c.id == tenant))).first()
    return None if row is None else _tenant(row)


async def change_tenant(
    session: AsyncSession, *, tenant: str, changes: Mapping[str, Any], actor: str, now: datetime
) -> tuple[TenantRecord, int] | None:
    """Change fields of a tenant and announce it; returns it with its version, None when there is none. What changes nothing is no change.
    Does not commit."""
    row = (await session.execute(sa.select(tenants).where(tenants.c.id == tenant).with_for_update())).first()
    if row is None:
        return None
    before = _tenant(row)
    after = TenantRecord.model_validate({**before.model_dump(), **changes})
    if after == before:
        return before, row.version
    version = row.version + 1
    await session.execute(sa.update(tenants).where(tenants.c.id == tenant).values({**_stored(after), "version": version}))
    await _announce_tenant(session, after, version=version, now=now)
    await record_change(
        session,
        tenant=tenant,
        at=now,
        actor=actor,
        action="change",
        changed=f"tenant:{tenant}",
        before=before.model_dump(mode="json"),
        after=after.model_dump(mode="json"),
    )
    return after, version


async def tenant_exists(session: AsyncSession, tenant: str) -> bool:
    """Whether there is such a tenant."""
    return (await session.execute(sa.select(tenants.c.id).where(tenants.c.id == tenant))).first() is not None


async def create_key(
    session: AsyncSession, *, tenant: str, scopes: Sequence[Scope], actor: str, now: datetime, expires_at: datetime | None = None
) -> tuple[Key, str]:
    """Store and announce a key of an existing tenant; returns it with its text, which exists nowhere else. Does not commit."""
    key_id = secrets.token_hex(8)
    text = f"hb_{key_id}_{secrets.token_urlsafe(32)}"
    key = Key(key_id, tenant, tuple(scopes), now, expires_at, None)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    row = {
        "id": key_id,
        "tenant": tenant,
        "sha256": sha256,
        "scopes": list(scopes),
        "created_at": now,
        "expires_at": expires_at,
        "version": 1,
    }
    await session.execute(insert(keys).values(row))
    await _announce_key(session, key, sha256, version=1, now=now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="create", changed=f"key:{key_id}", before=None, after=_audited(key)
    )
    return key, text


async def list_keys(session: AsyncSession, *, tenant: str, after: str, limit: int) -> Sequence[Key]:
    """A tenant's keys by id, those after `after`, at most `limit`."""
    wanted = sa.select(keys).where(keys.c.tenant == tenant, keys.c.id > after).order_by(keys.c.id).limit(limit)
    return [_key(row) for row in await session.execute(wanted)]


async def revoke_key(session: AsyncSession, *, tenant: str, key_id: str, actor: str, now: datetime) -> Key | None:
    """Revoke and announce; None when the tenant has no such key. Revoking twice changes nothing. Does not commit."""
    row = (await session.execute(sa.select(keys).where(keys.c.tenant == tenant, keys.c.id == key_id).with_for_update())).first()
    if row is None or row.revoked_at is not None:
        return None if row is None else _key(row)
    version = row.version + 1
    await session.execute(sa.update(keys).where(keys.c.id == key_id).values(revoked_at=now, version=version))
    before = _key(row)
    after = Key(before.id, tenant, before.scopes, before.created_at, before.expires_at, now)
    await _announce_key(session, after, row.sha256, version=version, now=now)
    await record_change(
        session,
        tenant=tenant,
        at=now,
        actor=actor,
        action="revoke",
        changed=f"key:{key_id}",
        before=_audited(before),
        after=_audited(after),
    )
    return after


async def announce_all(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """Announce every tenant and every key as they are stored, revoked ones too; returns how many of each. Does not commit.

    For a Kafka that has lost them. One that has them drops what is not newer, so nothing changes there.
    """
    stored_tenants = (await session.execute(sa.select(tenants).order_by(tenants.c.id))).all()
    for row in stored_tenants:
        await _announce_tenant(session, _tenant(row), version=row.version, now=now)
    stored_keys = (await session.execute(sa.select(keys).order_by(keys.c.id))).all()
    for row in stored_keys:
        await _announce_key(session, _key(row), row.sha256, version=row.version, now=now)
    return len(stored_tenants), len(stored_keys)


def _tenant(row: Any) -> TenantRecord:
    columns = {name: tuple(value) if isinstance(value, list) else value for name, value in row._mapping.items() if name != "version"}
    return TenantRecord.model_validate({"tenant": columns.pop("id"), **columns})


def _stored(record: TenantRecord) -> dict[str, Any]:
    fields = {column.name for column in tenants.c} - {"id", "version"}
    return {"id": record.tenant, **{name: list(value) if isinstance(value := getattr(record, name), tuple) else value for name in fields}}


def _key(row: Any) -> Key:
    return Key(row.id, row.tenant, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at)


def _audited(key: Key) -> dict[str, Any]:
    instants = {"expires_at": key.expires_at, "revoked_at": key.revoked_at}
    return {"id": key.id, "scopes": list(key.scopes), **{name: at and at.isoformat() for name, at in instants.items()}}


async def _announce_tenant(session: AsyncSession, record: TenantRecord, *, version: int, now: datetime) -> None:
    await _announce(session, "access.tenant.v1", f"tenant:{record.tenant}", record.tenant, record, version=version, now=now)


async def _announce_key(session: AsyncSession, key: Key, sha256: str, *, version: int, now: datetime) -> None:
    record = KeyRecord(
        key=key.id,
        sha256=sha256,
        scopes=tuple(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )
    await _announce(session, "access.key.v1", f"key:{key.id}", key.tenant, record, version=version, now=now)


async def _announce(session: AsyncSession, kind: str, key: str, tenant: str, record: Record, *, version: int, now: datetime) -> None:
    value = encode_own(kind, id=str(uuid7(now)), source=SOURCE, tenant=tenant, time=now, data=record, sequence=version)
    await enqueue(session, [OutboxRecord(ACCESS, key.encode(), value, (CONTENT_TYPE,))])
