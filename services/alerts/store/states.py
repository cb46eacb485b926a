"""The states of metric rules in PostgreSQL, and how far samples have come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.state import Phase, RuleState
from services.alerts.schema import rule_states, sample_progress
from services.alerts.store.arrays import among
from shared.errors import Unavailable

SETTLING = timedelta(seconds=2)
"""How far the watermark must be past a timer: samples of one partition may overtake each other by about as much."""


class StateKey(NamedTuple):
    """One rule over one series at one of its severities."""

    tenant: str
    rule: str
    series: str
    severity: str


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state with where its samples come from. `stored` is what the row said, None while there is none."""

    key: StateKey
    slice: Mapping[str, str]
    partition: int
    state: RuleState
    next_at: datetime | None = None
    stored: RuleState | None = None


async def lock_states(session: AsyncSession, keys: Iterable[StateKey]) -> dict[StateKey, StateRow]:
    """The rows of these keys that exist, locked in the order of their keys."""
    return await _locked(session, among(_KEY, keys), skip=False)


async def lock_states_of_rule(session: AsyncSession, tenant: str, rule: str) -> dict[StateKey, StateRow]:
    """All rows of one rule, locked."""
    return await _locked(session, sa.and_(rule_states.c.tenant == tenant, rule_states.c.rule == rule), skip=False)


async def lock_due_states(session: AsyncSession, keys: Sequence[StateKey]) -> dict[StateKey, StateRow]:
    """Those of these rows whose timer still is due, without those that somebody else has."""
    if not keys:
        return {}
    return await _locked(session, sa.and_(among(_KEY, keys), rule_states.c.next_at <= _reached()), skip=True)


async def due_states(session: AsyncSession, limit: int) -> list[StateKey]:
    """The keys of rows whose timer the data have reached, the earliest first."""
    query = sa.select(*_KEY).where(rule_states.c.next_at <= sa.func.now(), rule_states.c.next_at <= _reached())
    return [StateKey(*row) for row in await session.execute(query.order_by(rule_states.c.next_at).limit(limit))]


async def earliest_timer(session: AsyncSession) -> datetime | None:
    """When the next timer fires as far as one can see: at its instant, or within a second where the data are not so far yet."""
    soon = sa.func.now() + sa.text("interval '1 second'")
    at = sa.case((rule_states.c.next_at <= _reached(), rule_states.c.next_at), else_=sa.func.greatest(rule_states.c.next_at, soon))
    earliest: datetime | None = (await session.execute(sa.select(sa.func.min(at)).where(rule_states.c.next_at.is_not(None)))).scalar_one()
    return earliest


async def count_series(session: AsyncSession, tenant: str, rule: str) -> int:
    """How many series a rule has met."""
    query = sa.select(sa.func.count(sa.distinct(rule_states.c.series)))
    counted: int = (await session.execute(query.where(rule_states.c.tenant == tenant, rule_states.c.rule == rule))).scalar_one()
    return counted


async def save_states(session: AsyncSession, rows: Sequence[StateRow]) -> None:
    """Write new and changed rows, each only over exactly the state that was read.

    Raises Unavailable when a row is another one by now: the same work again will see it.
    """
    new = [_values(row) for row in rows if row.stored is None]
    written = 0
    for start in range(0, len(new), 500):
        statement = insert(rule_states).values(new[start : start + 500]).on_conflict_do_nothing().returning(rule_states.c.rule)
        written += len((await session.execute(statement)).all())
    for row in (row for row in rows if row.stored is not None):
        written += await _swap(session, row)
    if written != len(rows):
        raise Unavailable("postgres", "a rule's state was changed by another replica")


async def delete_states(session: AsyncSession, tenant: str, rule: str) -> None:
    """Forget everything about a rule."""
    await session.execute(sa.delete(rule_states).where(rule_states.c.tenant == tenant, rule_states.c.rule == rule))


async def tenants_with_states(session: AsyncSession) -> list[str]:
    """Tenants whose rules have seen samples."""
    return list((await session.execute(sa.select(rule_states.c.tenant).distinct().order_by(rule_states.c.tenant))).scalars())


async def evaluated_rules(session: AsyncSession, tenant: str) -> set[str]:
    """The rules of a tenant that data flow to."""
    return set((await session.execute(sa.select(rule_states.c.rule).distinct().where(rule_states.c.tenant == tenant))).scalars())


async def note_progress(session: AsyncSession, watermarks: Mapping[int, datetime]) -> None:
    """Note, by partition, the watermark of the samples that were read."""
    rows = [
        {"partition": partition, "watermark": watermark, "arrived_at": sa.func.now()} for partition, watermark in sorted(watermarks.items())
    ]
    if not rows:
        return
    new = insert(sample_progress).values(rows)
    later = sa.func.greatest(sample_progress.c.watermark, new.excluded.watermark)
    set_ = {"watermark": later, "arrived_at": new.excluded.arrived_at}
    await session.execute(new.on_conflict_do_update(index_elements=["partition"], set_=set_))


async def last_arrival(session: AsyncSession) -> datetime | None:
    """When a sample of any series came in last; None when there never was one."""
    arrived: datetime | None = (await session.execute(sa.select(sa.func.max(sample_progress.c.arrived_at)))).scalar_one()
    return arrived


_KEY = (rule_states.c.tenant, rule_states.c.rule, rule_states.c.series, rule_states.c.severity)


def _reached() -> Any:
    """The data's instant in the partition of the row."""
    reached = sa.select(sample_progress.c.watermark - SETTLING).where(sample_progress.c.partition == rule_states.c.partition)
    return reached.correlate(rule_states).scalar_subquery()


async def _locked(session: AsyncSession, condition: Any, *, skip: bool) -> dict[StateKey, StateRow]:
    query = sa.select(rule_states).where(condition).order_by(*_KEY).with_for_update(skip_locked=skip)
    return {row.key: row for row in map(_row, await session.execute(query))}


def _row(row: Any) -> StateRow:
    state = RuleState(
        version=row.rule_version,
        phase=Phase(row.phase),
        sequence=row.sequence,
        as_of=row.as_of,
        active_since=row.active_since,
        started_at=row.started_at,
        clear_since=row.clear_since,
        value=row.value,
        n=row.n,
    )
    key = StateKey(row.tenant, row.rule, row.series, row.severity)
    return StateRow(key, row.slice, row.partition, state, row.next_at, stored=state)


def _changing(row: StateRow) -> dict[str, Any]:
    state = row.state
    return {
        "partition": row.partition,
        "rule_version": state.version,
        "phase": state.phase.value,
        "sequence": state.sequence,
        "as_of": state.as_of,
        "active_since": state.active_since,
        "started_at": state.started_at,
        "clear_since": state.clear_since,
        "value": state.value,
        "n": state.n,
        "next_at": row.next_at,
    }


def _values(row: StateRow) -> dict[str, Any]:
    return {**row.key._asdict(), "slice": dict(row.slice), **_changing(row)}


async def _swap(session: AsyncSession, row: StateRow) -> int:
    assert row.stored is not None
    same = sa.and_(
        sa.tuple_(*_KEY) == row.key,
        rule_states.c.rule_version == row.stored.version,
        rule_states.c.sequence == row.stored.sequence,
        rule_states.c.phase == row.stored.phase.value,
    )
    result = await session.execute(sa.update(rule_states).where(same).values(_changing(row)))
    return result.rowcount  # type: ignore[attr-defined, no-any-return]
