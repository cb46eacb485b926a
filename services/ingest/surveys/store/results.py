"""What came back: counts by stratum and answers by question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.sampling import Standing, Stratum

_STRATA = text("""
    SELECT segment, region, product, count(*) AS base, count(*) FILTER (WHERE state IN ('planned', 'sent')) AS asked,
        count(answered_at) AS answered,
        count(*) FILTER (WHERE state IN ('planned', 'sent') AND answered_at IS NULL AND expires_at > now()) AS open
    FROM survey_invitations
    WHERE tenant = :tenant AND survey = :survey AND created_at >= :since AND state NOT IN ('cancelled', 'walked_in')
    GROUP BY segment, region, product ORDER BY 1, 2, 3
""")
_WAVE_BASES = text("""
    SELECT segment, region, product, sum(base)::int AS base FROM survey_strata
    WHERE tenant = :tenant AND survey = :survey AND period IN (
        SELECT period FROM survey_invitations WHERE tenant = :tenant AND survey = :survey AND created_at >= :since)
    GROUP BY segment, region, product
""")


async def standings(session: AsyncSession, tenant: str, survey: str, since: datetime) -> dict[Stratum, Standing]:
    """By stratum: how many could have been asked since then, were asked, answered, and may still answer. Of several waves the sums."""
    values = {"tenant": tenant, "survey": survey, "since": since}
    rows = await session.execute(_STRATA, values)
    found = {Stratum(r.segment, r.region, r.product): Standing(r.base, r.asked, r.answered, r.open) for r in rows}
    for row in await session.execute(_WAVE_BASES, values):
        stratum = Stratum(row.segment, row.region, row.product)
        found[stratum] = found.get(stratum, Standing())._replace(base=row.base)
    return found


@dataclass(frozen=True, slots=True)
class Totals:
    """Invitations by what became of them, and by their flags; `walked_in` are those who answered without having been asked."""

    planned: int
    sent: int
    opened: int
    answered: int
    finished: int
    walked_in: int
    passed_over: dict[str, int]
    failed: dict[str, int]
    flags: dict[str, int]


_TOTALS = text("""
    SELECT count(*) FILTER (WHERE state = 'planned') AS planned, count(sent_at) AS sent, count(opened_at) AS opened,
        count(answered_at) FILTER (WHERE state <> 'walked_in') AS answered,
        count(finished_at) FILTER (WHERE state <> 'walked_in') AS finished,
        count(answered_at) FILTER (WHERE state = 'walked_in') AS walked_in
    FROM survey_invitations WHERE tenant = :tenant AND survey = :survey AND created_at >= :since
""")
_REASONS = text("""
    SELECT state, coalesce(reason, '') AS reason, count(*) AS times FROM survey_invitations
    WHERE tenant = :tenant AND survey = :survey AND created_at >= :since AND state IN ('passed_over', 'failed') GROUP BY 1, 2 ORDER BY 1, 2
""")
_FLAGS = text("""
    SELECT flag, count(*) AS times FROM survey_invitations, unnest(flags) AS flag
    WHERE tenant = :tenant AND survey = :survey AND created_at >= :since GROUP BY 1 ORDER BY 1
""")


async def totals(session: AsyncSession, tenant: str, survey: str, since: datetime) -> Totals:
    """What became of the invitations made since then."""
    values = {"tenant": tenant, "survey": survey, "since": since}
    counts = (await session.execute(_TOTALS, values)).one()
    reasons = (await session.execute(_REASONS, values)).all()
    flags = {row.flag: row.times for row in await session.execute(_FLAGS, values)}
    by_state = {state: {row.reason: row.times for row in reasons if row.state == state} for state in ("passed_over", "failed")}
    return Totals(
        counts.planned,
        counts.sent,
        counts.opened,
        counts.answered,
        counts.finished,
        counts.walked_in,
        by_state["passed_over"],
        by_state["failed"],
        flags,
    )


_SCORES = text("""
    SELECT question.key AS question, field.key AS field, field.value AS value, count(*) AS times
    FROM survey_invitations, jsonb_each(given) AS question, jsonb_each_text(question.value) AS field
    WHERE tenant = :tenant AND survey = :survey AND created_at >= :since AND jsonb_typeof(question.value) = 'object' AND field.key <> 'text'
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")


async def scores(session: AsyncSession, tenant: str, survey: str, since: datetime) -> Sequence[Any]:
    """(question, field, value, times) of every answer that is no free text."""
    return (await session.execute(_SCORES, {"tenant": tenant, "survey": survey, "since": since})).all()
