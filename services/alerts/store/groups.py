"""Groups of alerts in PostgreSQL: who is in them, and when each is told next."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.domain.group import Group, touched
from services.alerts.domain.route import Destination, Timing
from services.alerts.schema import alert_groups, group_alerts, notifications
from shared.database.timers import wake

CHANNEL = "hearback_alert_groups"
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group with where and how it is told."""

    id: uuid.UUID
    tenant: str
    receiver: str
    key: str
    labels: Mapping[str, str]
    timing: Timing
    sequence: int
    delivery: uuid.UUID | None
    group: Group


async def join_groups(session: AsyncSession, tenant: str, joining: Sequence[tuple[uuid.UUID, Destination]]) -> None:
    """Put alerts into their groups, which are told as their timing says from now on."""
    wanted = {uuid.UUID(place.group_id(tenant)): place for _, place in joining}
    for id, place in sorted(wanted.items()):
        await session.execute(_make(id, tenant, place))
    await touch_groups(session, wanted, wanted)
    rows = sorted({(uuid.UUID(place.group_id(tenant)), alert) for alert, place in joining})
    for start in range(0, len(rows), _AT_ONCE):
        members = [{"group": group, "alert": alert} for group, alert in rows[start : start + _AT_ONCE]]
        await session.execute(insert(group_alerts).values(members).on_conflict_do_nothing())


async def touch_groups_of(session: AsyncSession, alerts: Iterable[uuid.UUID]) -> None:
    """Something about these alerts changed: their groups look when their timing says."""
    query = sa.select(group_alerts.c.group).distinct().where(group_alerts.c.alert.in_(list(alerts)))
    await touch_groups(session, list((await session.execute(query)).scalars()))


async def touch_groups_of_receiver(session: AsyncSession, tenant: str, receiver: str) -> None:
    """A receiver changed: what it could not be told is told now."""
    query = sa.select(alert_groups.c.id).where(alert_groups.c.tenant == tenant, alert_groups.c.receiver == receiver)
    await touch_groups(session, list((await session.execute(query)).scalars()))


async def touch_groups(session: AsyncSession, ids: Collection[uuid.UUID], places: Mapping[uuid.UUID, Destination] | None = None) -> None:
    """Set the next look of these groups, under the timing of `places` where that is newer."""
    if not ids:
        return
    now: datetime = (await session.execute(sa.select(sa.func.now()))).scalar_one()
    query = sa.select(alert_groups).where(alert_groups.c.id.in_(list(ids))).order_by(alert_groups.c.id).with_for_update()
    for row in (await session.execute(query)).all():
        stored = _group(row)
        timing = places[stored.id].timing if places else stored.timing
        await save_group(session, replace(stored, timing=timing, group=touched(stored.group, timing, now)))
    await wake(session, CHANNEL)


async def lock_due_groups(session: AsyncSession, limit: int) -> tuple[datetime, list[StoredGroup]]:
    """PostgreSQL's instant, and groups whose look is due, the earliest first, without those that somebody else has."""
    now: datetime = (await session.execute(sa.select(sa.func.now()))).scalar_one()
    due = sa.select(alert_groups).where(alert_groups.c.next_at <= now).order_by(alert_groups.c.next_at).limit(limit)
    return now, [_group(row) for row in await session.execute(due.with_for_update(skip_locked=True))]


async def earliest_look(session: AsyncSession) -> datetime | None:
    """The next look of any group."""
    earliest: datetime | None = (await session.execute(sa.select(sa.func.min(alert_groups.c.next_at)))).scalar_one()
    return earliest


async def save_group(session: AsyncSession, stored: StoredGroup) -> None:
    """Write what may change of a group."""
    group = stored.group
    values = {
        "group_wait": stored.timing.group_wait,
        "group_interval": stored.timing.group_interval,
        "repeat_interval": stored.timing.repeat_interval,
        "sequence": stored.sequence,
        "delivery": stored.delivery,
        "next_at": group.next_at,
        "flushed_at": group.flushed_at,
        "notified_at": group.notified_at,
        "told_firing": sorted(group.told_firing),
        "told_resolved": sorted(group.told_resolved),
    }
    await session.execute(sa.update(alert_groups).where(alert_groups.c.id == stored.id).values(values))


async def members_of(session: AsyncSession, group: uuid.UUID) -> list[uuid.UUID]:
    """The alerts in a group."""
    return list((await session.execute(sa.select(group_alerts.c.alert).where(group_alerts.c.group == group))).scalars())


async def forget_members(session: AsyncSession, group: uuid.UUID, alerts: Collection[uuid.UUID]) -> None:
    """Take alerts out of a group."""
    if alerts:
        await session.execute(sa.delete(group_alerts).where(group_alerts.c.group == group, group_alerts.c.alert.in_(list(alerts))))


async def note_notification(session: AsyncSession, delivery: uuid.UUID, alerts: Sequence[uuid.UUID]) -> None:
    """Remember which alerts a delivery tells of."""
    await session.execute(insert(notifications).values(delivery=delivery, alerts=list(alerts)).on_conflict_do_nothing())


async def told_by(session: AsyncSession, delivery: uuid.UUID) -> list[uuid.UUID]:
    """The alerts that a delivery tells of."""
    query = sa.select(notifications.c.alerts).where(notifications.c.delivery == delivery)
    return list((await session.execute(query)).scalar_one_or_none() or ())


def _make(id: uuid.UUID, tenant: str, place: Destination) -> Any:
    row = {
        "id": id,
        "tenant": tenant,
        "receiver": place.receiver,
        "key": place.group_key,
        "labels": dict(place.labels),
        "group_wait": place.timing.group_wait,
        "group_interval": place.timing.group_interval,
        "repeat_interval": place.timing.repeat_interval,
        "sequence": 0,
        "told_firing": [],
        "told_resolved": [],
    }
    return insert(alert_groups).values(row).on_conflict_do_nothing()


def _group(row: Any) -> StoredGroup:
    group = Group(row.next_at, row.flushed_at, row.notified_at, frozenset(row.told_firing), frozenset(row.told_resolved))
    timing = Timing(row.group_wait, row.group_interval, row.repeat_interval)
    return StoredGroup(row.id, row.tenant, row.receiver, row.key, row.labels, timing, row.sequence, row.delivery, group)
