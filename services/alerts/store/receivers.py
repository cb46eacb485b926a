"""Receivers in PostgreSQL; their secrets are sealed before they come here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.receiver import Receiver, read_receiver, without_secrets
from services.alerts.schema import receivers
from services.alerts.store.rules import Origin


@dataclass(frozen=True, slots=True)
class StoredReceiver:
    """A receiver; `secrets` are sealed. `broken_reason` says why nothing can be delivered to it any more."""

    tenant: str
    version: int
    receiver: Receiver
    secrets: bytes | None
    origin: Origin
    updated_at: datetime
    deleted: bool
    broken_at: datetime | None
    broken_reason: str | None


async def find_receiver(session: AsyncSession, tenant: str, id: str, *, for_update: bool = False) -> StoredReceiver | None:
    """One receiver, also a deleted one."""
    query = sa.select(receivers).where(receivers.c.tenant == tenant, receivers.c.id == id)
    row = (await session.execute(query.with_for_update() if for_update else query)).first()
    return None if row is None else _receiver(row)


async def list_receivers(session: AsyncSession, tenant: str, *, after: str = "", limit: int = 1000) -> list[StoredReceiver]:
    """A tenant's receivers by id."""
    query = sa.select(receivers).where(receivers.c.tenant == tenant, receivers.c.id > after, receivers.c.deleted_at.is_(None))
    return [_receiver(row) for row in await session.execute(query.order_by(receivers.c.id).limit(limit))]


async def save_receiver(
    session: AsyncSession, tenant: str, receiver: Receiver, version: int, sealed: bytes | None, origin: Origin, now: datetime
) -> None:
    """Write a receiver in this version; it is whole again."""
    values = {
        "version": version,
        "kind": receiver.kind,
        "document": without_secrets(receiver),
        "secrets": sealed,
        "origin": origin,
        "updated_at": now,
        "deleted_at": None,
        "broken_at": None,
        "broken_reason": None,
    }
    row = {"tenant": tenant, "id": receiver.receiver, "created_at": now, **values}
    await session.execute(insert(receivers).values(row).on_conflict_do_update(index_elements=["tenant", "id"], set_=values))


async def delete_receiver(session: AsyncSession, tenant: str, id: str, version: int, now: datetime) -> None:
    """Mark a receiver as deleted and forget its secrets."""
    change = sa.update(receivers).where(receivers.c.tenant == tenant, receivers.c.id == id)
    await session.execute(change.values(deleted_at=now, version=version, secrets=None))


async def mark_broken(session: AsyncSession, tenant: str, id: str, reason: str | None) -> None:
    """Say that a receiver refuses what is delivered to it, or (None) that it takes it again."""
    change = sa.update(receivers).where(receivers.c.tenant == tenant, receivers.c.id == id)
    if reason is None:
        await session.execute(change.where(receivers.c.broken_at.is_not(None)).values(broken_at=None, broken_reason=None))
    else:
        await session.execute(change.where(receivers.c.broken_at.is_(None)).values(broken_at=sa.func.now(), broken_reason=reason))


def _receiver(row: Any) -> StoredReceiver:
    return StoredReceiver(
        row.tenant,
        row.version,
        read_receiver(row.document),
        row.secrets,
        row.origin,
        row.updated_at,
        row.deleted_at is not None,
        row.broken_at,
        row.broken_reason,
    )
