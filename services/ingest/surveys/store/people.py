"""Opt-outs and the customers that were met."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.schema import survey_contacts, survey_invitations, survey_opt_outs

ERASED: dict[str, Any] = {}


async def opt_out(session: AsyncSession, tenant: str, keys: Iterable[str], *, via: str, now: datetime) -> None:
    """Nobody with one of these keys is asked any more, by no survey; what is planned for them is given up."""
    ordered = sorted(set(keys))
    rows = [{"tenant": tenant, "person_key": key, "at": now, "via": via} for key in ordered]
    if not rows:
        return
    await session.execute(insert(survey_opt_outs).on_conflict_do_nothing(), rows)
    planned = (
        survey_invitations.c.tenant == tenant,
        survey_invitations.c.person_keys.overlap(sa.cast(ordered, survey_invitations.c.person_keys.type)),
        survey_invitations.c.next_at.is_not(None),
    )
    locked = sa.select(survey_invitations.c.id).where(*planned).order_by(survey_invitations.c.id).with_for_update()
    ids = (await session.execute(locked)).scalars().all()
    mine = (survey_invitations.c.tenant == tenant, survey_invitations.c.id.in_(ids))
    await session.execute(sa.update(survey_invitations).where(*mine).values(next_at=None))
    unsent = (*mine, survey_invitations.c.state == "planned")
    await session.execute(sa.update(survey_invitations).where(*unsent).values(state="passed_over", reason="opted_out"))


async def opt_in(session: AsyncSession, tenant: str, keys: Iterable[str]) -> int:
    """Take an opt-out back, because the customer asked for that; returns how many of the keys had one."""
    mine = (survey_opt_outs.c.tenant == tenant, survey_opt_outs.c.person_key.in_(list(keys)))
    gone = await session.execute(sa.delete(survey_opt_outs).where(*mine).returning(survey_opt_outs.c.person_key))
    return len(gone.all())


async def opted_out(session: AsyncSession, tenant: str, keys: Sequence[str]) -> bool:
    """Whether this person wants no surveys, under any of their keys."""
    mine = (survey_opt_outs.c.tenant == tenant, survey_opt_outs.c.person_key.in_(list(keys)))
    return (await session.execute(sa.select(sa.exists().where(*mine)))).scalar_one()


_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def asked_lately(session: AsyncSession, tenant: str, person: str, invitation: str, days: int) -> bool:
    """Whether another survey was sent to this person within so many days, or is on its way to them. Until the end of the transaction
    nobody else can decide about the same person."""
    await session.execute(_ONE_AT_A_TIME, {"name": f"survey\n{tenant}\n{person}"})
    other = survey_invitations.c
    since = sa.func.now() - timedelta(days=days)
    asked = sa.or_(other.sent_at > since, sa.and_(other.sends > 0, other.sent_at.is_(None), other.state == "planned"))
    mine = (other.tenant == tenant, other.person == person, other.id != invitation, asked)
    return (await session.execute(sa.select(sa.exists().where(*mine)))).scalar_one()


async def meet(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> None:
    """Remember where customers were met last; `rows` hold every column of `survey_contacts`. An older meeting changes nothing."""
    latest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["last_at"]):
        latest[row["tenant"], row["person"], row["touchpoint"]] = row
    if not latest:
        return
    new = insert(survey_contacts)
    later = survey_contacts.c.last_at < new.excluded.last_at
    changed = {name: new.excluded[name] for name in ("contact", "segment", "region", "product", "last_at")}
    statement = new.on_conflict_do_update(constraint=survey_contacts.primary_key, set_=changed, where=later)
    await session.execute(statement, [latest[key] for key in sorted(latest)])


async def erase(session: AsyncSession, tenant: str, keys: Sequence[str]) -> None:
    """Drop a person: contact details and words go, what was counted stays."""
    mine = survey_invitations.c.person_keys.overlap(sa.cast(list(keys), survey_invitations.c.person_keys.type))
    gone: dict[str, Any] = {"contact": ERASED, "next_at": None, "given": ERASED, "person": None, "person_keys": []}
    await session.execute(sa.update(survey_invitations).where(survey_invitations.c.tenant == tenant, mine).values(gone))
    met = (survey_contacts.c.tenant == tenant, survey_contacts.c.person.in_(list(keys)))
    await session.execute(sa.delete(survey_contacts).where(*met))
