"""What tenants send by, where it is not the installation's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.schema import survey_senders


@dataclass(frozen=True, slots=True)
class StoredSender:
    """One row of `survey_senders`, field by column."""

    tenant: str
    way: Way
    settings: Mapping[str, Any]
    sealed: bytes
    per_second: float
    updated_at: datetime


async def senders_of(session: AsyncSession, tenant: str, *, lock: bool = False) -> list[StoredSender]:
    """A tenant's own, by way."""
    query = sa.select(survey_senders).where(survey_senders.c.tenant == tenant).order_by(survey_senders.c.way)
    return [StoredSender(**row) for row in (await session.execute(query.with_for_update() if lock else query)).mappings()]


async def save_sender(session: AsyncSession, sender: StoredSender) -> None:
    """Store it in the place of the one before."""
    row = {name: getattr(sender, name) for name in StoredSender.__dataclass_fields__}
    await session.execute(insert(survey_senders).values(row).on_conflict_do_update(constraint=survey_senders.primary_key, set_=row))


async def drop_sender(session: AsyncSession, tenant: str, way: Way) -> None:
    """Forget it and its secret."""
    await session.execute(sa.delete(survey_senders).where(survey_senders.c.tenant == tenant, survey_senders.c.way == way))
