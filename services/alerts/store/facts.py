"""What was read of cases and clocks: which events, what a clock's case is, and which clocks can no longer fire by older events."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.schema import case_facts, clock_ends, tenants
from services.alerts.store.arrays import among


class CaseFact(NamedTuple):
    """What is known of a case in its version; `ended` says why none of its clocks can fire any more."""

    tenant: str
    case: str
    version: int
    team: str | None
    category: str | None
    severity: str | None
    ended: str | None


async def save_case_facts(session: AsyncSession, facts: Collection[CaseFact]) -> None:
    """Write what is newer than what is known; each case at most once."""
    rows = [fact._asdict() for fact in sorted(facts)]
    for start in range(0, len(rows), 1000):
        new = insert(case_facts).values(rows[start : start + 1000])
        changes = {name: new.excluded[name] for name in ("version", "team", "category", "severity", "ended")}
        newer = case_facts.c.version < new.excluded.version
        await session.execute(new.on_conflict_do_update(index_elements=["tenant", "case"], set_=changes, where=newer))


async def case_facts_of(session: AsyncSession, cases: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], CaseFact]:
    """What is known of these (tenant, case)."""
    wanted = sorted(set(cases))
    if not wanted:
        return {}
    query = sa.select(case_facts).where(among((case_facts.c.tenant, case_facts.c.case), wanted))
    return {(row.tenant, row.case): CaseFact(**row._mapping) for row in await session.execute(query)}


async def save_clock_ends(session: AsyncSession, ends: Sequence[tuple[str, str, str, int]]) -> None:
    """Note by (tenant, clock, state) the sequence of the event that ended what older ones may still fire."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for tenant, clock, state, sequence in sorted(ends):
        rows[tenant, clock, state] = {"tenant": tenant, "clock": clock, "state": state, "sequence": sequence}
    values = list(rows.values())
    for start in range(0, len(values), 1000):
        new = insert(clock_ends).values(values[start : start + 1000])
        latest = {"sequence": sa.func.greatest(clock_ends.c.sequence, new.excluded.sequence)}
        await session.execute(new.on_conflict_do_update(index_elements=["tenant", "clock", "state"], set_=latest))


async def clock_ends_of(session: AsyncSession, clocks: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str, str], int]:
    """The noted sequences of these (tenant, clock)."""
    wanted = sorted(set(clocks))
    if not wanted:
        return {}
    query = sa.select(clock_ends).where(among((clock_ends.c.tenant, clock_ends.c.clock), wanted))
    return {(row.tenant, row.clock, row.state): row.sequence for row in await session.execute(query)}


async def new_tenants(session: AsyncSession, met: Iterable[str], now: datetime) -> list[str]:
    """Those of these tenants that nobody has met before."""
    rows = [{"tenant": tenant, "met_at": now} for tenant in sorted(set(met))]
    if not rows:
        return []
    made = await session.execute(insert(tenants).values(rows).on_conflict_do_nothing().returning(tenants.c.tenant))
    return sorted(made.scalars())


async def every_tenant(session: AsyncSession) -> list[str]:
    """Every tenant that was met."""
    return list((await session.execute(sa.select(tenants.c.tenant).order_by(tenants.c.tenant))).scalars())
