"""Rules and routes in PostgreSQL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.route import Route, read_route
from services.alerts.domain.rule import ClockRule, MetricRule, Rule, read_rule
from services.alerts.schema import routes, rules
from services.alerts.store.arrays import among, one_of

Origin = Literal["shipped", "file", "api"]


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule and the version that is in force."""

    tenant: str
    version: int
    rule: Rule
    origin: Origin
    created_at: datetime
    updated_at: datetime
    deleted: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRoute:
    """A tenant's tree of routes."""

    version: int
    route: Route
    origin: Origin
    updated_at: datetime


async def metric_rules(session: AsyncSession, looked_at: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str, str], list[StoredRule]]:
    """The live rules on each (tenant, metric, window); they stay as they are until the end of the transaction."""
    wanted = sorted(set(looked_at))
    if not wanted:
        return {}
    query = (
        sa.select(rules)
        .where(rules.c.deleted_at.is_(None), rules.c.source == "metric")
        .where(among((rules.c.tenant, rules.c.metric, rules.c.window), wanted))
        .order_by(rules.c.tenant, rules.c.id)
        .with_for_update(read=True)
    )
    found: dict[tuple[str, str, str], list[StoredRule]] = {}
    for row in await session.execute(query):
        found.setdefault((row.tenant, row.metric, row.window), []).append(_rule(row))
    return found


async def clock_rules(session: AsyncSession, tenants: Iterable[str]) -> dict[str, list[tuple[int, ClockRule]]]:
    """The live clock rules of each tenant, with their versions."""
    query = sa.select(rules).where(rules.c.deleted_at.is_(None), rules.c.source == "clock", one_of(rules.c.tenant, sorted(set(tenants))))
    found: dict[str, list[tuple[int, ClockRule]]] = {}
    for row in await session.execute(query.order_by(rules.c.tenant, rules.c.id)):
        stored = _rule(row)
        assert isinstance(stored.rule, ClockRule)
        found.setdefault(row.tenant, []).append((stored.version, stored.rule))
    return found


async def lock_rules(session: AsyncSession, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredRule]:
    """These rules by (tenant, id), also deleted ones; they stay as they are until the end of the transaction."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    query = sa.select(rules).where(among((rules.c.tenant, rules.c.id), wanted)).order_by(rules.c.tenant, rules.c.id)
    return {(row.tenant, row.id): _rule(row) for row in await session.execute(query.with_for_update(read=True))}


async def find_rule(session: AsyncSession, tenant: str, id: str, *, for_update: bool = False) -> StoredRule | None:
    """One rule, also a deleted one; with `for_update` nobody else changes or reads it for judging until the end of the transaction."""
    query = sa.select(rules).where(rules.c.tenant == tenant, rules.c.id == id)
    row = (await session.execute(query.with_for_update() if for_update else query)).first()
    return None if row is None else _rule(row)


async def list_rules(session: AsyncSession, tenant: str, *, after: str = "", limit: int = 1000) -> list[StoredRule]:
    """A tenant's live rules by id."""
    query = sa.select(rules).where(rules.c.tenant == tenant, rules.c.id > after, rules.c.deleted_at.is_(None))
    return [_rule(row) for row in await session.execute(query.order_by(rules.c.id).limit(limit))]


async def save_rule(session: AsyncSession, tenant: str, rule: Rule, version: int, origin: Origin, now: datetime) -> None:
    """Write a rule in this version; a deleted one lives again."""
    metric = rule if isinstance(rule, MetricRule) else None
    values = {
        "version": version,
        "source": rule.source,
        "metric": metric and metric.metric,
        "window": metric and metric.window,
        "document": rule.dump(),
        "origin": origin,
        "updated_at": now,
        "deleted_at": None,
        "error": None,
    }
    row = {"tenant": tenant, "id": rule.rule, "created_at": now, **values}
    await session.execute(insert(rules).values(row).on_conflict_do_update(index_elements=["tenant", "id"], set_=values))


async def delete_rule(session: AsyncSession, tenant: str, id: str, version: int, now: datetime) -> None:
    """Mark a rule as deleted; the row keeps its version."""
    await session.execute(sa.update(rules).where(rules.c.tenant == tenant, rules.c.id == id).values(deleted_at=now, version=version))


async def note_error(session: AsyncSession, tenant: str, id: str, error: str | None) -> None:
    """Say on the rule why it cannot be evaluated fully."""
    changed = rules.c.error.is_distinct_from(error)
    await session.execute(sa.update(rules).where(rules.c.tenant == tenant, rules.c.id == id, changed).values(error=error))


async def find_route(session: AsyncSession, tenant: str, *, for_update: bool = False) -> StoredRoute | None:
    """A tenant's tree."""
    query = sa.select(routes).where(routes.c.tenant == tenant)
    row = (await session.execute(query.with_for_update() if for_update else query)).first()
    return None if row is None else StoredRoute(row.version, _route(_text(row.document)), row.origin, row.updated_at)


async def routes_of(session: AsyncSession, tenants: Iterable[str]) -> Mapping[str, Route]:
    """The trees of these tenants."""
    query = sa.select(routes.c.tenant, routes.c.document).where(one_of(routes.c.tenant, sorted(set(tenants))))
    return {row.tenant: _route(_text(row.document)) for row in await session.execute(query)}


async def save_route(session: AsyncSession, tenant: str, route: Route, version: int, origin: Origin, now: datetime) -> None:
    """Write a tenant's tree."""
    values = {"version": version, "document": route.dump(), "origin": origin, "updated_at": now}
    row = insert(routes).values({"tenant": tenant, **values})
    await session.execute(row.on_conflict_do_update(index_elements=["tenant"], set_=values))


def _rule(row: Any) -> StoredRule:
    rule = _parsed(_text(row.document))
    return StoredRule(row.tenant, row.version, rule, row.origin, row.created_at, row.updated_at, row.deleted_at is not None, row.error)


def _text(document: object) -> bytes:
    return msgspec.json.encode(document)


@lru_cache(maxsize=4096)
def _parsed(document: bytes) -> Rule:
    return read_rule(msgspec.json.decode(document))


@lru_cache(maxsize=1024)
def _route(document: bytes) -> Route:
    return read_route(msgspec.json.decode(document))
