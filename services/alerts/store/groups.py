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
from services.alerts.store.arrays import one_of
from shared.database.timers import wake

CHANNEL = "hearback_alert_groups"
_AT_ONCE = 100


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
    new = [_new(id, tenant, place) for id, place in sorted(wanted.items(), key=lambda item: item[0])]
    for start in range(0, len(new), _AT_ONCE):
        await session.execute(insert(alert_groups).values(new[start : start + _AT_ONCE]).on_conflict_do_nothing())
    await touch_groups(session, wanted, wanted)
    rows = sorted({(uuid.UUID(place.group_id(tenant)), alert) for alert, place in joining})
    for start in range(0, len(rows), _AT_ONCE):
        members = [{"group": group, "alert": alert} for group, alert in rows[start : start + _AT_ONCE]]
        await session.execute(insert(group_alerts).values(members).on_conflict_do_nothing())


async def touch_groups_of(session: AsyncSession, alerts: Iterable[uuid.UUID]) -> None:
    """Something about these alerts changed: their groups look when their timing says."""
    query = sa.select(group_alerts.c.group).distinct().where(one_of(group_alerts.c.alert, alerts))
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
    query = sa.select(alert_groups).where(one_of(alert_groups.c.id, ids)).order_by(alert_groups.c.id).with_for_update()
    changed = []
    for stored in map(_group, await session.execute(query)):
        timing = places[stored.id].timing if places else stored.timing
        changed.append(replace(stored, timing=timing, group=touched(stored.group, timing, now)))
    await save_groups(session, changed)
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


_CHANGING = ("group_wait", "group_interval", "repeat_interval", "sequence", "delivery", "next_at", "flushed_at", "notified_at",
             "told_firing", "told_resolved")  # fmt: skip
_SAVE = (
    sa.update(alert_groups)
    .where(alert_groups.c.id == sa.bindparam("group"))
    .values({name: sa.bindparam(f"new_{name}", type_=alert_groups.c[name].type) for name in _CHANGING})
)


async def save_groups(session: AsyncSession, changed: Sequence[StoredGroup]) -> None:
    """Write what may change of groups."""
    rows = []
    for stored in changed:
        told = {"told_firing": sorted(stored.group.told_firing), "told_resolved": sorted(stored.group.told_resolved)}
        values = {**_values_of(stored.timing), **_values_of(stored), **_values_of(stored.group), **told}
        rows.append({"group": stored.id, **{f"new_{name}": values[name] for name in _CHANGING}})
    if rows:
        await (await session.connection()).execute(_SAVE, rows)


def _values_of(part: object) -> dict[str, Any]:
    return {name: getattr(part, name) for name in _CHANGING if hasattr(part, name)}


async def members_of(session: AsyncSession, group: uuid.UUID) -> list[uuid.UUID]:
    """The alerts in a group."""
    return list((await session.execute(sa.select(group_alerts.c.alert).where(group_alerts.c.group == group))).scalars())


async def forget_members(session: AsyncSession, group: uuid.UUID, alerts: Collection[uuid.UUID]) -> None:
    """Take alerts out of a group."""
    if alerts:
        await session.execute(sa.delete(group_alerts).where(group_alerts.c.group == group, one_of(group_alerts.c.alert, alerts)))


async def note_notification(session: AsyncSession, delivery: uuid.UUID, alerts: Sequence[uuid.UUID]) -> None:
    """Remember which alerts a delivery tells of."""
    await session.execute(insert(notifications).values(delivery=delivery, alerts=list(alerts)).on_conflict_do_nothing())


async def told_by(session: AsyncSession, delivery: uuid.UUID) -> list[uuid.UUID]:
    """The alerts that a delivery tells of."""
    query = sa.select(notifications.c.alerts).where(notifications.c.delivery == delivery)
    return list((await session.execute(query)).scalar_one_or_none() or ())


def _new(id: uuid.UUID, tenant: str, place: Destination) -> dict[str, Any]:
    return {
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


def _group(row: Any) -> StoredGroup:
    group = Group(row.next_at, row.flushed_at, row.notified_at, frozenset(row.told_firing), frozenset(row.told_resolved))
    timing = Timing(row.group_wait, row.group_interval, row.repeat_interval)
    return StoredGroup(row.id, row.tenant, row.receiver, row.key, row.labels, timing, row.sequence, row.delivery, group)
