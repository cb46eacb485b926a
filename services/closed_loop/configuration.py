"""Policies and calendars in PostgreSQL: every version ever saved. Takes its caller's session, never commits.

A tenant that has saved nothing has the built-in ones, whose version is 1; what it saves begins with 2.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.domain.calendar import Calendar
from services.closed_loop.domain.documents import CalendarBody
from services.closed_loop.domain.opening import DEFAULT_CALENDARS, DEFAULT_CONFIGURATION, Configuration, VersionedCalendar
from services.closed_loop.domain.policy import PolicySet
from services.closed_loop.schema import calendars, policies
from shared.database.audit import record_change

BUILT_IN_VERSION = 1


class CalendarKey(NamedTuple):
    """A version of a calendar, which never changes."""

    tenant: str
    id: str
    version: int


class SavedCalendar(NamedTuple):
    """The present version of a calendar as people write it; `created_at` is None for a built-in one."""

    id: str
    version: int
    document: CalendarBody
    created_at: datetime | None


class Calendars:
    """Calendars of every version, kept for the life of the process with what they have computed."""

    def __init__(self) -> None:
        self._known: dict[CalendarKey, Calendar] = {}

    async def of(self, session: AsyncSession, wanted: Iterable[CalendarKey]) -> Mapping[CalendarKey, Calendar]:
        """Each of these calendars."""
        wanted = set(wanted)
        missing = wanted - self._known.keys()
        built_in = {key for key in missing if key.version == BUILT_IN_VERSION and key.id in DEFAULT_CALENDARS}
        self._known |= {key: DEFAULT_CALENDARS[key.id].calendar for key in built_in}
        if missing - built_in:
            key = sa.tuple_(calendars.c.tenant, calendars.c.id, calendars.c.version)
            for row in await session.execute(sa.select(calendars).where(key.in_(sorted(missing - built_in)))):
                self._known[CalendarKey(row.tenant, row.id, row.version)] = read_calendar(row.document).calendar()
        return {key: self._known[key] for key in wanted}


def read_calendar(document: dict[str, Any]) -> CalendarBody:
    """A calendar as it was stored."""
    return CalendarBody.model_validate_json(json.dumps(document))


async def configurations(session: AsyncSession, known: Calendars, tenants: Collection[str]) -> dict[str, Configuration]:
    """What holds now for each of these tenants."""
    found = dict.fromkeys(tenants, DEFAULT_CONFIGURATION)
    latest = sa.select(policies).ext(distinct_on(policies.c.tenant)).where(policies.c.tenant.in_(sorted(tenants)))
    for row in await session.execute(latest.order_by(policies.c.tenant, policies.c.version.desc())):
        policy_set = PolicySet.model_validate_json(json.dumps(row.document))
        found[row.tenant] = replace(found[row.tenant], policies=policy_set, version=row.version)
    keys = [CalendarKey(row.tenant, row.id, row.version) for row in await session.execute(_latest_calendars(tenants))]
    for key, calendar in (await known.of(session, keys)).items():
        configuration = found[key.tenant]
        named = {**configuration.calendars, key.id: VersionedCalendar(key.id, key.version, calendar)}
        found[key.tenant] = replace(configuration, calendars=named)
    return found


async def save_policies(session: AsyncSession, tenant: str, version: int, document: PolicySet, *, actor: str, now: datetime) -> None:
    """Store the next version, audited. The caller holds `lock_configuration`."""
    after = document.model_dump(mode="json")
    before = (
        await session.execute(sa.select(policies.c.document).where(policies.c.tenant == tenant, policies.c.version == version - 1))
    ).scalar()
    await session.execute(sa.insert(policies).values(tenant=tenant, version=version, document=after, created_at=now, actor=actor))
    await record_change(session, tenant=tenant, at=now, actor=actor, action="replace", changed="policies", before=before, after=after)


async def save_calendar(
    session: AsyncSession, tenant: str, id: str, version: int, document: CalendarBody, *, actor: str, now: datetime
) -> None:
    """Store the next version of one calendar, audited. The caller holds `lock_configuration`."""
    after = document.model_dump(mode="json")
    previous = sa.select(calendars.c.document).where(calendars.c.tenant == tenant, calendars.c.id == id, calendars.c.version == version - 1)
    before = (await session.execute(previous)).scalar()
    await session.execute(sa.insert(calendars).values(tenant=tenant, id=id, version=version, document=after, created_at=now, actor=actor))
    await record_change(session, tenant=tenant, at=now, actor=actor, action="replace", changed=f"calendar:{id}", before=before, after=after)


async def lock_configuration(session: AsyncSession, tenant: str) -> None:
    """One change of a tenant's policies and calendars at a time, until the transaction ends."""
    await session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"configuration\n{tenant}"})


async def saved_calendars(session: AsyncSession, tenant: str) -> list[SavedCalendar]:
    """The present version of every calendar of a tenant, by id, the built-in ones among them."""
    found = {_BUILT_IN.id: _BUILT_IN}
    for row in await session.execute(_latest_calendars([tenant])):
        found[row.id] = SavedCalendar(row.id, row.version, read_calendar(row.document), row.created_at)
    return [found[id] for id in sorted(found)]


def _latest_calendars(tenants: Collection[str]) -> sa.Select[Any]:
    each = sa.select(calendars).ext(distinct_on(calendars.c.tenant, calendars.c.id)).where(calendars.c.tenant.in_(sorted(tenants)))
    return each.order_by(calendars.c.tenant, calendars.c.id, calendars.c.version.desc())


_WHOLE_WEEK: dict[str, Any] = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
_BUILT_IN = SavedCalendar("24x7", BUILT_IN_VERSION, CalendarBody.model_validate({"zone": "UTC", "windows": _WHOLE_WEEK}), None)
