"""Alerts in PostgreSQL, from their start to their end, and their events in the outbox."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.alert import Alert, named
from services.alerts.schema import alerts
from services.alerts.store.arrays import among, one_of
from shared.contracts.alerts import AlertEvent
from shared.contracts.decoding import encode_own
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.fields import Versioned
from shared.contracts.topics import ALERTS_EVENTS
from shared.database.outbox import OutboxRecord, enqueue
from shared.loops import in_turns
from shared.observability.tracing import HEADER, worth_following

SOURCE = "/alerts"
_AT_ONCE = 100
_FIELDS = [field.name for field in fields(Alert)]

Happened = Literal["fired", "acknowledged", "resolved", "notified"]


class Ending(NamedTuple):
    """An alert that ends, when and why. `actor` is a person or a key."""

    alert: uuid.UUID
    at: datetime
    reason: str
    actor: str | None = None


async def insert_alerts(session: AsyncSession, fired: Sequence[Alert]) -> list[Alert]:
    """Write alerts and announce them; returns those that are new: neither known by their id nor firing with the same labels."""
    fired = [alert if alert.traceparent else replace(alert, traceparent=worth_following()) for alert in fired]
    new: list[Alert] = []
    ordered = sorted(fired, key=lambda alert: (alert.tenant, alert.fingerprint))
    for start in range(0, len(ordered), _AT_ONCE):
        part = ordered[start : start + _AT_ONCE]
        rows = [_values(alert) for alert in part]
        made = await session.execute(insert(alerts).values(rows).on_conflict_do_nothing().returning(alerts.c.id))
        ids = set(made.scalars())
        new += [replace(alert, sequence=1) for alert in part if alert.id in ids]
    await announce(session, "fired", new)
    return new


async def end_alerts(session: AsyncSession, endings: Sequence[Ending]) -> list[Alert]:
    """End those of these alerts that fire, and announce it; returns them as they are now."""
    why = {ending.alert: ending for ending in endings}
    ended = []
    for row in await _lock(session, sa.and_(one_of(alerts.c.id, why), alerts.c.ends_at.is_(None))):
        ending = why[row.id]
        ended.append(replace(row, ends_at=max(ending.at, row.starts_at), reason=ending.reason, sequence=row.sequence + 1))
    await _save(session, ended)
    await announce(session, "resolved", ended, {alert.id: why[alert.id].actor for alert in ended})
    return ended


async def acknowledge(session: AsyncSession, tenant: str, id: uuid.UUID, actor: str, now: datetime) -> Alert | None:
    """Note who has it; None when the tenant has no such alert. An acknowledged or ended one stays as it is."""
    found = await _lock(session, sa.and_(alerts.c.tenant == tenant, alerts.c.id == id))
    if not found or not found[0].firing or found[0].acknowledged_at is not None:
        return found[0] if found else None
    alert = replace(found[0], acknowledged_at=now, acknowledged_by=actor, sequence=found[0].sequence + 1)
    await _save(session, [alert])
    await announce(session, "acknowledged", [alert], {id: actor}, at=now)
    return alert


async def announce(
    session: AsyncSession,
    happened: Happened,
    what: Iterable[Alert],
    actors: Mapping[uuid.UUID, str | None] | None = None,
    *,
    at: datetime | None = None,
    about: object = None,
) -> None:
    """Put the events into the outbox. Their ids follow from the alert and what happened to it, so a repetition is the same event."""
    records = [_record(happened, alert, (actors or {}).get(alert.id), at, about) async for alert in in_turns(what)]
    await enqueue(session, records)


async def find_alert(session: AsyncSession, tenant: str, id: uuid.UUID) -> Alert | None:
    """One alert of this tenant."""
    row = (await session.execute(sa.select(alerts).where(alerts.c.tenant == tenant, alerts.c.id == id))).first()
    return None if row is None else _alert(row)


async def alerts_by_id(session: AsyncSession, ids: Collection[uuid.UUID]) -> list[Alert]:
    """These alerts, the earliest first."""
    query = sa.select(alerts).where(one_of(alerts.c.id, ids)).order_by(alerts.c.starts_at, alerts.c.id)
    return [_alert(row) for row in await session.execute(query)]


async def firing_of_clocks(session: AsyncSession, clocks: Iterable[tuple[str, str]]) -> list[Alert]:
    """What fires on these (tenant, case): alerts of all their clocks."""
    wanted = sorted(set(clocks))
    if not wanted:
        return []
    query = sa.select(alerts).where(among((alerts.c.tenant, alerts.c.case), wanted), alerts.c.ends_at.is_(None))
    return [_alert(row) for row in await session.execute(query)]


async def firing_with(session: AsyncSession, tenants: Iterable[str], fingerprint: str) -> list[Alert]:
    """What fires with these labels in each of the tenants."""
    wanted = sorted(set(tenants))
    query = sa.select(alerts).where(one_of(alerts.c.tenant, wanted), alerts.c.fingerprint == fingerprint, alerts.c.ends_at.is_(None))
    return [_alert(row) for row in await session.execute(query)] if wanted else []


async def firing_of_rule(session: AsyncSession, tenant: str, rule: str) -> list[Alert]:
    """What a rule has fired that has not ended."""
    query = sa.select(alerts).where(alerts.c.tenant == tenant, alerts.c.rule == rule, alerts.c.ends_at.is_(None))
    return [_alert(row) for row in await session.execute(query)]


async def firing_families(session: AsyncSession, tenant: str, families: Iterable[str]) -> list[Alert]:
    """What fires of these families, whatever its severity."""
    query = sa.select(alerts).where(alerts.c.tenant == tenant, one_of(alerts.c.family, sorted(set(families))), alerts.c.ends_at.is_(None))
    return [_alert(row) for row in await session.execute(query)]


async def list_alerts(
    session: AsyncSession,
    tenant: str,
    *,
    state: Literal["firing", "resolved"] | None,
    source: str | None,
    rule: str | None,
    case: str | None,
    before: tuple[datetime, uuid.UUID] | None,
    limit: int,
) -> list[Alert]:
    """A tenant's alerts, the latest first; `before` is (starts_at, id) of the last one already seen."""
    query = sa.select(alerts).where(alerts.c.tenant == tenant)
    if state is not None:
        query = query.where(alerts.c.ends_at.is_(None) if state == "firing" else alerts.c.ends_at.is_not(None))
    for column, value in ((alerts.c.source, source), (alerts.c.rule, rule), (alerts.c.case, case)):
        if value is not None:
            query = query.where(column == value)
    if before is not None:
        query = query.where(sa.tuple_(alerts.c.starts_at, alerts.c.id) < before)
    return [_alert(row) for row in await session.execute(query.order_by(alerts.c.starts_at.desc(), alerts.c.id.desc()).limit(limit))]


def _record(happened: Happened, alert: Alert, actor: str | None, at: datetime | None, about: object) -> OutboxRecord:
    event = AlertEvent(
        alert=str(alert.id),
        rule=None if alert.rule is None else Versioned(id=alert.rule, version=alert.rule_version or 1),
        labels=dict(alert.labels),
        severity=alert.severity,
        source=alert.source,
        value=alert.value,
        n=alert.n,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        reason=alert.reason,
        opens="intervention" if alert.opens == "intervention" else None,
        case=alert.case,
        actor=actor,
    )
    value = encode_own(
        f"alert.{happened}.v1",
        id=str(named(alert.id, happened, about or "")),
        source=SOURCE,
        tenant=alert.tenant,
        time=at or alert.ends_at or alert.starts_at,
        data=event,
        subject=str(alert.id),
        sequence=alert.sequence if about is None else None,
    )
    own = () if alert.traceparent is None or happened != "fired" else ((HEADER, alert.traceparent.encode()),)
    return OutboxRecord(ALERTS_EVENTS, f"{alert.tenant}:{alert.id}".encode(), value, (CONTENT_TYPE, *own))


async def _lock(session: AsyncSession, condition: Any) -> list[Alert]:
    query = sa.select(alerts).where(condition).order_by(alerts.c.tenant, alerts.c.fingerprint, alerts.c.id).with_for_update()
    return [_alert(row) for row in await session.execute(query)]


_CHANGING = ("ends_at", "reason", "acknowledged_at", "acknowledged_by", "sequence")
_SAVE = (
    sa.update(alerts)
    .where(alerts.c.id == sa.bindparam("alert"))
    .values({name: sa.bindparam(f"new_{name}", type_=alerts.c[name].type) for name in _CHANGING})
)


async def _save(session: AsyncSession, changed: Sequence[Alert]) -> None:
    rows = [{"alert": alert.id, **{f"new_{name}": getattr(alert, name) for name in _CHANGING}} for alert in changed]
    if rows:
        await (await session.connection()).execute(_SAVE, rows)


def _alert(row: Any) -> Alert:
    return Alert(**{name: getattr(row, name) for name in _FIELDS})


def _values(alert: Alert) -> dict[str, Any]:
    own = {name: getattr(alert, name) for name in _FIELDS}
    return {
        **own,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "fingerprint": alert.fingerprint,
        "family": alert.family,
        "rank": alert.rank,
        "sequence": 1,
    }
