"""What completed surveys have earned: numbered without gaps, each once, whatever the answers are; and the coupon codes to give.

Numbers and codes are given under a lock of the survey, so that no two replicas give the same one, and who lists rewards up to a number
has seen all before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.schema import survey_coupons, survey_draws, survey_invitations, survey_rewards, surveys
from services.ingest.surveys.store.invitations import Invitation


@dataclass(frozen=True, slots=True)
class Reward:
    """What one completed survey has earned; `code` is None for a coupon while there is none to give."""

    kind: Literal["points", "coupon", "draw"]
    points: int | None
    code: str | None


@dataclass(frozen=True, slots=True)
class Coupons:
    """How many codes are there to give, were given, and are owed to somebody who completed the survey when none was left."""

    free: int
    given: int
    owed: int


_FREE = sa.text("""
    UPDATE survey_coupons SET invitation = :invitation WHERE (tenant, survey, code) = (
        SELECT tenant, survey, code FROM survey_coupons WHERE tenant = :tenant AND survey = :survey AND invitation IS NULL
        ORDER BY position LIMIT 1
    )
""")
_NUMBERED = sa.text("""
    INSERT INTO survey_rewards (tenant, survey, number, invitation, kind, points, at)
    SELECT :tenant, :survey, coalesce(max(number), 0) + 1, :invitation, :kind, :points, :at
    FROM survey_rewards WHERE tenant = :tenant AND survey = :survey
""")
# Somebody at a kiosk cannot come back for a code, nor can who has no link any more.
_OWED = """
    SELECT reward.invitation, row_number() OVER (ORDER BY reward.number) AS place
    FROM survey_rewards AS reward JOIN survey_invitations AS asked ON asked.tenant = reward.tenant AND asked.id = reward.invitation
        LEFT JOIN survey_places AS at ON at.tenant = asked.tenant AND at.id = asked.place
    WHERE reward.tenant = :tenant AND reward.survey = :survey AND reward.kind = 'coupon'
        AND (asked.way = 'email' OR asked.expires_at > now()) AND at.kiosk IS NOT TRUE
        AND NOT EXISTS (SELECT FROM survey_coupons AS given WHERE given.tenant = reward.tenant AND given.invitation = reward.invitation)
"""
_HAND_OUT = sa.text(f"""
    WITH owed AS ({_OWED}), free AS (
        SELECT code, row_number() OVER (ORDER BY position) AS place FROM survey_coupons
        WHERE tenant = :tenant AND survey = :survey AND invitation IS NULL
    )
    UPDATE survey_coupons AS coupon SET invitation = owed.invitation FROM owed JOIN free USING (place)
    WHERE coupon.tenant = :tenant AND coupon.survey = :survey AND coupon.code = free.code RETURNING coupon.invitation
""")  # noqa: S608 - our own text
_COUNTED = sa.text(f"""
    SELECT count(*) FILTER (WHERE invitation IS NULL) AS free, count(invitation) AS given, (SELECT count(*) FROM ({_OWED}) AS owed) AS owed
    FROM survey_coupons WHERE tenant = :tenant AND survey = :survey
""")  # noqa: S608


def promised(document: SurveyDocument, person: str | None) -> bool:
    """Whether whoever completes this survey gets something."""
    return document.incentive is not None and (document.incentive.kind == "coupon" or person is not None)


async def earn(session: AsyncSession, document: SurveyDocument, invitation: Invitation, now: datetime) -> Reward | None:
    """Give what was promised for a survey that is completed, once; None when there is nothing to give, or it was given before. The
    invitation is locked. Does not commit."""
    incentive = document.incentive
    if incentive is None or not promised(document, invitation.person) or await reward_of(session, invitation) is not None:
        return None
    named = {"tenant": invitation.tenant, "survey": invitation.survey, "invitation": invitation.id}
    await _one_at_a_time(session, invitation.tenant, invitation.survey)
    if incentive.kind == "coupon":
        await session.execute(_FREE, named)
    await session.execute(_NUMBERED, {**named, "kind": incentive.kind, "points": incentive.points, "at": now})
    return await reward_of(session, invitation)


async def reward_of(session: AsyncSession, invitation: Invitation) -> Reward | None:
    """What this invitation has earned so far."""
    of, given = survey_rewards.c, survey_coupons.c
    query = (
        sa.select(of.kind, of.points, given.code)
        .join(survey_coupons, sa.and_(given.tenant == of.tenant, given.invitation == of.invitation), isouter=True)
        .where(of.tenant == invitation.tenant, of.invitation == invitation.id)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else Reward(*row)


async def list_rewards(session: AsyncSession, tenant: str, survey: str, after: int, limit: int) -> Sequence[Any]:
    """(number, invitation, kind, points, at, contact) of rewards after a number."""
    of, asked = survey_rewards.c, survey_invitations.c
    query = (
        sa.select(of.number, of.invitation, of.kind, of.points, of.at, asked.contact)
        .join(survey_invitations, sa.and_(asked.tenant == of.tenant, asked.id == of.invitation))
        .where(of.tenant == tenant, of.survey == survey, of.number > after)
    )
    return (await session.execute(query.order_by(of.number).limit(limit))).all()


async def add_coupons(session: AsyncSession, tenant: str, survey: str, codes: Sequence[str]) -> tuple[int, Sequence[str]]:
    """Store the codes that are new, and give those that are owed: how many are new, and the invitations that got one."""
    await _one_at_a_time(session, tenant, survey)
    rows = [{"tenant": tenant, "survey": survey, "code": code} for code in codes]
    added = insert(survey_coupons).on_conflict_do_nothing().returning(survey_coupons.c.code)
    new = len((await session.execute(added, rows)).all())
    return new, (await session.execute(_HAND_OUT, {"tenant": tenant, "survey": survey})).scalars().all()


async def count_coupons(session: AsyncSession, tenant: str, survey: str) -> Coupons:
    """How it stands with the codes of a survey."""
    return Coupons(*(await session.execute(_COUNTED, {"tenant": tenant, "survey": survey})).one())


async def any_coupon(session: AsyncSession, tenant: str, survey: str) -> bool:
    """Whether there is a code to give."""
    free = sa.exists().where(survey_coupons.c.tenant == tenant, survey_coupons.c.survey == survey, survey_coupons.c.invitation.is_(None))
    return (await session.execute(sa.select(free))).scalar_one()


async def entrants(session: AsyncSession, tenant: str, survey: str) -> list[int]:
    """The numbers that no draw has had yet, without those of customers that were erased. Nobody else draws until the end of the
    transaction, and nobody comes in."""
    await _one_at_a_time(session, tenant, survey)
    of, asked, draw = survey_rewards.c, survey_invitations.c, survey_draws.c
    drawn = sa.select(sa.func.coalesce(sa.func.max(draw.up_to), 0)).where(draw.tenant == tenant, draw.survey == survey).scalar_subquery()
    query = (
        sa.select(of.number)
        .join(survey_invitations, sa.and_(asked.tenant == of.tenant, asked.id == of.invitation))
        .where(of.tenant == tenant, of.survey == survey, of.kind == "draw", of.number > drawn, asked.person.is_not(None))
    )
    return list((await session.execute(query.order_by(of.number))).scalars())


async def keep_draw(
    session: AsyncSession, tenant: str, survey: str, *, seed: str, among: list[int], winners: list[int], now: datetime, actor: str
) -> Any:
    """Store a draw; returns its row."""
    mine = (survey_draws.c.tenant == tenant, survey_draws.c.survey == survey)
    number = sa.select(sa.func.coalesce(sa.func.max(survey_draws.c.number), 0) + 1).where(*mine).scalar_subquery()
    row = {"tenant": tenant, "survey": survey, "number": number, "seed": seed, "up_to": among[-1], "entrants": among, "winners": winners,
           "created_at": now, "actor": actor}  # fmt: skip
    return (await session.execute(sa.insert(survey_draws).values(row).returning(survey_draws))).one()


async def list_draws(session: AsyncSession, tenant: str, survey: str) -> Sequence[Any]:
    """The draws of a survey, the newest first."""
    mine = (survey_draws.c.tenant == tenant, survey_draws.c.survey == survey)
    return (await session.execute(sa.select(survey_draws).where(*mine).order_by(survey_draws.c.number.desc()))).all()


async def _one_at_a_time(session: AsyncSession, tenant: str, survey: str) -> None:
    mine = (surveys.c.tenant == tenant, surveys.c.id == survey)
    await session.execute(sa.select(surveys.c.id).where(*mine).with_for_update(key_share=True))
