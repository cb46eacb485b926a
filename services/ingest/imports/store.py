"""Imports in PostgreSQL. Every statement names the tenant; nothing here commits.

Whoever works on an import holds its lease; each change of its accounting says which lease and which position it goes on from, so that one
who was taken for dead changes nothing any more.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.node import storable
from services.ingest.imports.schema import import_parts, import_refused, imports
from services.ingest.schema import tenants
from shared.database.audit import record_change
from shared.database.rows import copy_rows

CHANNEL = "hearback_imports"
KEPT_DAYS = 30
WAITS_DAYS = 7
UPLOAD_HOURS = 1
PAGE_ROWS = 500

State = Literal["uploading", "checking", "waiting", "running", "done", "failed", "cancelled"]

_CLAIM = text("""
    UPDATE imports SET lease = :lease, leased_until = now() + make_interval(secs => :lease_seconds), attempts = attempts + 1
    WHERE (tenant, id) = (
        SELECT tenant, id FROM imports AS waiting
        WHERE state IN ('checking', 'running') AND (leased_until IS NULL OR leased_until < now() OR lease = :lease)
        ORDER BY state = 'running' AND EXISTS (
            SELECT FROM imports AS other
            WHERE other.tenant = waiting.tenant AND other.id <> waiting.id AND other.state = 'running' AND other.leased_until > now()
        ), created_at
        LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *
""")
"""The next one that nobody works on: checks and tenants of whom nothing runs go before others."""

_KEEP = text("""
    UPDATE imports SET leased_until = now() + make_interval(secs => :lease_seconds), waiting_for = CAST(:waiting_for AS text),
        attempts = CASE WHEN CAST(:waiting_for AS text) IS NULL THEN attempts ELSE 0 END
    WHERE tenant = :tenant AND id = :id AND lease = :lease AND state IN ('checking', 'running') RETURNING cancelling
""")

_ADVANCE = text("""
    UPDATE imports
    SET read = :read, accepted = accepted + :accepted, duplicate = duplicate + :duplicate, refused = refused + :refused, share = :share,
        rows_per_second = :rows_per_second, waiting_for = NULL, attempts = 0, updated_at = now(),
        leased_until = now() + make_interval(secs => :lease_seconds)
    WHERE tenant = :tenant AND id = :id AND lease = :lease AND state = 'running' AND read = :before RETURNING cancelling
""")

_TIDY = (
    text(f"DELETE FROM imports WHERE state = 'uploading' AND updated_at < now() - interval '{UPLOAD_HOURS} hours'"),  # noqa: S608
    text(f"""
        DELETE FROM imports
        WHERE state IN ('done', 'failed', 'cancelled') AND updated_at < now() - interval '{KEPT_DAYS} days'
    """),  # noqa: S608
    text(f"""
        UPDATE imports SET state = 'cancelled', detail = 'nobody started it within {WAITS_DAYS} days', ended_at = now(), preview = NULL
        WHERE state = 'waiting' AND updated_at < now() - interval '{WAITS_DAYS} days'
    """),  # noqa: S608
    text(f"""
        DELETE FROM import_parts USING imports
        WHERE imports.tenant = import_parts.tenant AND imports.id = import_parts.import_id
        AND (state IN ('done', 'cancelled') OR state = 'failed' AND imports.updated_at < now() - interval '{WAITS_DAYS} days')
    """),  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it is stored."""

    tenant: str
    id: str
    state: State
    file_name: str
    name: str | None
    act: bool
    start_at_once: bool
    size_bytes: int
    digest: str
    options: dict[str, Any]
    mapping: dict[str, Any] | None
    form: dict[str, Any] | None
    preview: dict[str, Any] | None
    read: int
    accepted: int
    duplicate: int
    refused: int
    share: float
    rows_per_second: float
    waiting_for: str | None
    detail: str | None
    cancelling: bool
    attempts: int
    lease: str | None
    leased_until: datetime | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that became no event, and why."""

    position: int
    line: int
    reason: str
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a batch of rows came to."""

    before: int
    read: int
    accepted: int
    duplicate: int
    refused: Sequence[RefusedRow]
    share: float
    rows_per_second: float


async def create(session: AsyncSession, tenant: str, id: str, *, now: datetime) -> None:
    """Store a new import, of which nothing is known before its file has come."""
    unknown: dict[str, Any] = {
        "file_name": "",
        "name": None,
        "act": False,
        "start_at_once": False,
        "size_bytes": 0,
        "digest": "",
        "options": {},
    }
    counts = {"read": 0, "accepted": 0, "duplicate": 0, "refused": 0, "share": 0.0, "rows_per_second": 0.0, "attempts": 0}
    values = {**unknown, **counts, "tenant": tenant, "id": id, "state": "uploading", "cancelling": False, "created_at": now,
              "updated_at": now}  # fmt: skip
    await session.execute(insert(imports).values(values))


async def add_part(session: AsyncSession, tenant: str, id: str, position: int, content: bytes) -> None:
    """Store the next part of the file."""
    await session.execute(insert(import_parts).values(tenant=tenant, import_id=id, position=position, content=content))
    await session.execute(sa.update(imports).where(_is(tenant, id)).values(updated_at=sa.func.now()))


async def uploaded(session: AsyncSession, tenant: str, id: str, *, actor: str, now: datetime, **said: Any) -> Import:
    """The file is there, and what is said about it: it can be checked."""
    changed = {**said, "state": "checking", "updated_at": now}
    row = (await session.execute(sa.update(imports).where(_is(tenant, id)).values(changed).returning(imports))).one()
    made = _import(row)
    after = {"file_name": made.file_name, "name": made.name, "act": made.act, "size_bytes": made.size_bytes}
    await _changed(session, made, "create", actor, now, after)
    await wake(session)
    return made


async def forget_upload(session: AsyncSession, tenant: str, id: str) -> None:
    """Delete an import that has not become one."""
    await session.execute(sa.delete(imports).where(_is(tenant, id), imports.c.state == "uploading"))


async def find(session: AsyncSession, tenant: str, id: str, *, lock: bool = False) -> Import | None:
    """One import of a tenant, while it is locked for a change."""
    wanted = sa.select(imports).where(_is(tenant, id), imports.c.state != "uploading")
    row = (await session.execute(wanted.with_for_update() if lock else wanted)).first()
    return None if row is None else _import(row)


async def newest(session: AsyncSession, tenant: str, *, before: str | None, limit: int) -> Sequence[Import]:
    """A tenant's imports, the newest first; those older than `before`. Ids are made in the order of time."""
    wanted = sa.select(imports).where(imports.c.tenant == tenant, imports.c.state != "uploading")
    if before is not None:
        wanted = wanted.where(imports.c.id < before)
    rows = await session.execute(wanted.order_by(imports.c.id.desc()).limit(limit))
    return [_import(row) for row in rows]


async def change(session: AsyncSession, one: Import, action: str, actor: str, now: datetime, **values: Any) -> Import:
    """Change an import that is locked, and note who did it."""
    wanted = sa.update(imports).where(_is(one.tenant, one.id)).values(**values, updated_at=now).returning(imports)
    after = _import((await session.execute(wanted)).one())
    await _changed(session, after, action, actor, now, {"state": after.state, "mapping": after.mapping, "cancelling": after.cancelling})
    return after


async def drop_file(session: AsyncSession, one: Import) -> None:
    """Delete the file of an import that needs it no longer."""
    await session.execute(sa.delete(import_parts).where(import_parts.c.tenant == one.tenant, import_parts.c.import_id == one.id))


async def claim(session: AsyncSession, lease: str, lease_seconds: float) -> Import | None:
    """Take the next import that nobody works on, for some seconds; None when there is none."""
    row = (await session.execute(_CLAIM, {"lease": lease, "lease_seconds": lease_seconds})).first()
    return None if row is None else _import(row)


async def keep(session: AsyncSession, one: Import, lease_seconds: float, waiting_for: str | None) -> bool | None:
    """Hold the lease on. Says whether the import is to be cancelled; None when another has it by now."""
    named = {"tenant": one.tenant, "id": one.id, "lease": one.lease, "lease_seconds": lease_seconds, "waiting_for": waiting_for}
    row = (await session.execute(_KEEP, named)).first()
    return None if row is None else bool(row.cancelling)


async def advance(session: AsyncSession, one: Import, lease_seconds: float, progress: Progress) -> bool | None:
    """Account for a batch. Says whether the import is to be cancelled; None when another has it by now, and nothing was changed."""
    named = {
        "tenant": one.tenant, "id": one.id, "lease": one.lease, "before": progress.before, "read": progress.read,
        "accepted": progress.accepted, "duplicate": progress.duplicate, "refused": len(progress.refused), "share": progress.share,
        "rows_per_second": progress.rows_per_second, "lease_seconds": lease_seconds,
    }  # fmt: skip
    row = (await session.execute(_ADVANCE, named)).first()
    if row is None:
        return None
    refused = [
        {"tenant": one.tenant, "import_id": one.id, "position": r.position, "line": r.line, "reason": storable(r.reason),
         "cells": [storable(cell) for cell in r.cells]}
        for r in progress.refused
    ]  # fmt: skip
    await copy_rows(await session.connection(), import_refused, refused)
    return bool(row.cancelling)


async def settle(session: AsyncSession, one: Import, state: State, **values: Any) -> bool:
    """End what was done under the lease; says whether the lease was still held."""
    held = _is(one.tenant, one.id) & (imports.c.lease == one.lease) & imports.c.state.in_(("checking", "running"))
    changed = {
        "state": state,
        "lease": None,
        "leased_until": None,
        "waiting_for": None,
        "attempts": 0,
        "updated_at": sa.func.now(),
        **values,
    }
    return (await session.execute(sa.update(imports).where(held).values(changed).returning(imports.c.id))).first() is not None


def storable_document(value: Any) -> Any:
    """A JSON document without what PostgreSQL cannot hold."""
    match value:
        case str():
            return storable(value)
        case dict():
            return {storable(name): storable_document(inner) for name, inner in value.items()}
        case list():
            return [storable_document(inner) for inner in value]
    return value


async def release(session: AsyncSession, one: Import) -> None:
    """Let another go on at once."""
    await session.execute(
        sa.update(imports).where(_is(one.tenant, one.id), imports.c.lease == one.lease).values(leased_until=None, attempts=0)
    )


async def part(session: AsyncSession, one: Import, position: int) -> bytes | None:
    """One part of the file; None behind the last."""
    wanted = sa.select(import_parts.c.content).where(
        import_parts.c.tenant == one.tenant, import_parts.c.import_id == one.id, import_parts.c.position == position
    )
    content: bytes | None = (await session.execute(wanted)).scalar()
    return content


async def refused_rows(session: AsyncSession, one: Import, after: int) -> Sequence[RefusedRow]:
    """A page of the refused rows, in the order of the file, behind the position `after`."""
    c = import_refused.c
    wanted = sa.select(import_refused).where(c.tenant == one.tenant, c.import_id == one.id, c.position > after)
    rows = await session.execute(wanted.order_by(c.position).limit(PAGE_ROWS))
    return [RefusedRow(row.position, row.line, row.reason, row.cells) for row in rows]


async def zone_of(session: AsyncSession, tenant: str) -> str:
    """The zone of a tenant, where times without an offset lie."""
    zone: str = (await session.execute(sa.select(tenants.c.zone).where(tenants.c.id == tenant))).scalar_one()
    return zone


async def tidy(session: AsyncSession) -> None:
    """Delete what has been kept long enough: see the constants above."""
    for statement in _TIDY:
        await session.execute(statement)


async def wake(session: AsyncSession) -> None:
    """Make the workers look when this transaction commits."""
    await session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})


def _is(tenant: str, id: str) -> sa.ColumnElement[bool]:
    return (imports.c.tenant == tenant) & (imports.c.id == id)


def _import(row: Any) -> Import:
    documents = {
        name: json.loads(value) for name in ("options", "mapping", "form", "preview") if isinstance(value := row._mapping[name], str)
    }
    return Import(**{**row._mapping, **documents})


async def _changed(session: AsyncSession, one: Import, action: str, actor: str, now: datetime, after: dict[str, Any]) -> None:
    await record_change(
        session, tenant=one.tenant, at=now, actor=actor, action=action, changed=f"import:{one.id}", before=None, after=after
    )
