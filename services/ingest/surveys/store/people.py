"""Opt-outs, addresses that take nothing, who was asked lately, and the customers that were met."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.schema import survey_contacts, survey_drawn, survey_invitations, survey_opt_outs, survey_undeliverable

ERASED: dict[str, Any] = {}
_TEXTS = ARRAY(sa.Text)

ByKey = Mapping[str, set[str]]
"""Ids of invitations by the keys of those who were invited."""


def _are(keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """Whether an invitation is somebody's who has one of these keys."""
    overlap: sa.ColumnElement[bool] = survey_invitations.c.person_keys.overlap(sa.cast(list(keys), survey_invitations.c.person_keys.type))
    return overlap


async def opt_out(session: AsyncSession, tenant: str, keys: Iterable[str], *, via: str, now: datetime) -> None:
    """Nobody with one of these keys is asked any more, by no survey; what is planned for them is given up."""
    ordered = sorted(set(keys))
    rows = [{"tenant": tenant, "person_key": key, "at": now, "via": via} for key in ordered]
    if not rows:
        return
    await session.execute(insert(survey_opt_outs).on_conflict_do_nothing(), rows)
    planned = (
        survey_invitations.c.tenant == tenant,
        _are(ordered),
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


async def opted_out(session: AsyncSession, tenant: str, keys: Iterable[str]) -> set[str]:
    """Those of these keys whose owner wants no surveys."""
    mine = (survey_opt_outs.c.tenant == tenant, survey_opt_outs.c.person_key == sa.func.any(sa.cast(sorted(set(keys)), _TEXTS)))
    return set((await session.execute(sa.select(survey_opt_outs.c.person_key).where(*mine))).scalars())


_ONE_AT_A_TIME = sa.text("""
    SELECT pg_advisory_xact_lock(lock) FROM (
        SELECT DISTINCT hashtextextended(name, 0) AS lock FROM unnest(CAST(:names AS text[])) AS name ORDER BY lock
    ) AS locks
""")


async def decide_alone(session: AsyncSession, names: Iterable[str]) -> None:
    """Until the end of the transaction nobody else decides about the people or samples of these names."""
    await session.execute(_ONE_AT_A_TIME, {"names": [f"survey\n{name}" for name in names]})


# Key by key by the index of keys: OFFSET keeps the planner from reading all of the tenant where a table has just grown.
_THEIRS = """
    SELECT theirs.id, theirs.person_keys FROM unnest(CAST(:keys AS text[])) AS key
        CROSS JOIN LATERAL (SELECT * FROM survey_invitations WHERE person_keys @> ARRAY[key] OFFSET 0) AS theirs
    WHERE tenant = :tenant AND
"""
_LATELY = sa.text(f"{_THEIRS} (sent_at >= :since OR (sends > 0 AND sent_at IS NULL AND state = 'planned'))")
_BY = sa.text(f"{_THEIRS} survey = :survey AND created_at >= :since AND state IN ('planned', 'sent')")


async def asked_lately(session: AsyncSession, tenant: str, keys: Iterable[str], since: datetime) -> ByKey:
    """What was sent to these people since then, or is on its way to them, by any survey."""
    return _by_key(await session.execute(_LATELY, {"tenant": tenant, "keys": sorted(set(keys)), "since": since}))


async def asked_by(session: AsyncSession, tenant: str, survey: str, keys: Iterable[str], since: datetime) -> ByKey:
    """What this survey has made for these people since then that was sent, or is going to be."""
    return _by_key(await session.execute(_BY, {"tenant": tenant, "survey": survey, "keys": sorted(set(keys)), "since": since}))


def of_person(found: ByKey, keys: Iterable[str]) -> set[str]:
    """The invitations of one person under any of their keys."""
    return {invitation for key in keys for invitation in found.get(key, ())}


def _by_key(rows: Iterable[Any]) -> ByKey:
    found: dict[str, set[str]] = {}
    for row in rows:
        for key in row.person_keys:
            found.setdefault(key, set()).add(row.id)
    return found


async def undeliverable(session: AsyncSession, tenant: str, hashes: Iterable[str]) -> set[str]:
    """Those of these hashes of addresses that take nothing."""
    theirs = survey_undeliverable.c.address_hash == sa.func.any(sa.cast(sorted(set(hashes)), _TEXTS))
    query = sa.select(survey_undeliverable.c.address_hash).where(survey_undeliverable.c.tenant == tenant, theirs)
    return set((await session.execute(query)).scalars())


async def write_off(session: AsyncSession, tenant: str, hashes: Iterable[str], *, reason: str, now: datetime) -> None:
    """These addresses take nothing for good: nobody writes to them any more."""
    rows = [{"tenant": tenant, "address_hash": one, "at": now, "reason": reason} for one in sorted(set(hashes))]
    if rows:
        await session.execute(insert(survey_undeliverable).on_conflict_do_nothing(), rows)


async def trust_again(session: AsyncSession, tenant: str, hashes: Sequence[str]) -> None:
    """These addresses may be written to again."""
    mine = (survey_undeliverable.c.tenant == tenant, survey_undeliverable.c.address_hash.in_(list(hashes)))
    await session.execute(sa.delete(survey_undeliverable).where(*mine))


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
    waiting = survey_invitations.c.state == "planned"
    gone: dict[str, Any] = {
        "contact": ERASED, "next_at": None, "given": ERASED, "person": None, "person_keys": [],
        "state": sa.case((waiting, "passed_over"), else_=survey_invitations.c.state),
        "reason": sa.case((waiting, "erased"), else_=survey_invitations.c.reason),
    }  # fmt: skip
    await session.execute(sa.update(survey_invitations).where(survey_invitations.c.tenant == tenant, _are(keys)).values(gone))
    met = (survey_contacts.c.tenant == tenant, survey_contacts.c.person.in_(list(keys)))
    await session.execute(sa.delete(survey_contacts).where(*met))
    drawn = (survey_drawn.c.tenant == tenant, survey_drawn.c.person.in_(list(keys)))
    await session.execute(sa.delete(survey_drawn).where(*drawn))
