"""The sealed addresses of customers with pseudonyms, by every key under which they are known."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.schema import survey_addresses


async def remember(session: AsyncSession, rows: Mapping[tuple[str, str, str], tuple[str, datetime]]) -> None:
    """Keep what is sealed and when it was said by (tenant, person key, kind). What was said before something else changes nothing."""
    if not rows:
        return
    new = insert(survey_addresses)
    changed = {name: new.excluded[name] for name in ("sealed", "last_at")}
    later = survey_addresses.c.last_at < new.excluded.last_at
    values = [
        {"tenant": tenant, "person_key": key, "kind": kind, "sealed": sealed, "last_at": at}
        for (tenant, key, kind), (sealed, at) in sorted(rows.items())
    ]
    await session.execute(new.on_conflict_do_update(constraint=survey_addresses.primary_key, set_=changed, where=later), values)


async def sealed_of(session: AsyncSession, tenant: str, people: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """What is known of each of these people, who are named by their keys: by kind, the latest of each."""
    of, keys = survey_addresses.c, sorted({key for one in people for key in one})
    query = sa.select(of.person_key, of.kind, of.sealed, of.last_at).where(of.tenant == tenant, of.person_key.in_(keys))
    by_key: dict[str, list[Any]] = {}
    for row in await session.execute(query):
        by_key.setdefault(row.person_key, []).append(row)
    rows = (sorted((row for key in one for row in by_key.get(key, ())), key=lambda row: row.last_at) for one in people)
    return [{row.kind: row.sealed for row in known} for known in rows]


async def forget(session: AsyncSession, tenant: str, keys: Sequence[str]) -> None:
    """Drop the addresses of a person."""
    await session.execute(
        sa.delete(survey_addresses).where(survey_addresses.c.tenant == tenant, survey_addresses.c.person_key.in_(list(keys)))
    )
