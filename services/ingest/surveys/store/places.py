"""Standing addresses at which anybody may answer a survey."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.schema import survey_places
from shared.database.audit import record_change


@dataclass(frozen=True, slots=True)
class Place:
    """One row of `survey_places`, field by column. `id` is the public address; it is no secret."""

    tenant: str
    id: str
    survey: str
    context: Mapping[str, Any]
    kiosk: bool
    created_at: datetime
    closed_at: datetime | None


async def add_place(
    session: AsyncSession, tenant: str, survey: str, context: Mapping[str, Any], *, kiosk: bool, actor: str, now: datetime
) -> Place:
    """A place of its own, for good; audited."""
    place = Place(tenant, secrets.token_hex(8), survey, dict(context), kiosk, now, None)
    row = {name: getattr(place, name) for name in Place.__dataclass_fields__}
    await session.execute(sa.insert(survey_places).values(row))
    await record_change(session, tenant=tenant, at=now, actor=actor, action="create", changed=f"survey-place:{place.id}",
                        before=None, after={"survey": survey, "context": dict(context), "kiosk": kiosk})  # fmt: skip
    return place


async def find_place(session: AsyncSession, id: str) -> Place | None:
    """The place that stands in a public address; None also when it is closed."""
    query = sa.select(survey_places).where(survey_places.c.id == id, survey_places.c.closed_at.is_(None))
    row = None if "\x00" in id else (await session.execute(query)).mappings().one_or_none()
    return None if row is None else Place(**row)


async def list_places(session: AsyncSession, tenant: str, survey: str, after: str, limit: int) -> list[Place]:
    """Places of a survey by id, closed ones too."""
    of = survey_places.c
    query = sa.select(survey_places).where(of.tenant == tenant, of.survey == survey, of.id > after).order_by(of.id).limit(limit)
    return [Place(**row) for row in (await session.execute(query)).mappings()]


async def close_place(session: AsyncSession, tenant: str, survey: str, id: str, *, actor: str, now: datetime) -> Place | None:
    """Take no more answers there; audited. None when there is no such place, or it was closed before."""
    of = survey_places.c
    mine = (of.tenant == tenant, of.survey == survey, of.id == id, of.closed_at.is_(None))
    row = (await session.execute(sa.update(survey_places).where(*mine).values(closed_at=now).returning(survey_places))).mappings().first()
    if row is None:
        return None
    await record_change(session, tenant=tenant, at=now, actor=actor, action="delete", changed=f"survey-place:{id}",
                        before={"survey": survey, "context": dict(row["context"])}, after=None)  # fmt: skip
    return Place(**row)
