"""Waves: at the first instant of a month or quarter those met in the one before are asked, in strata, and the next wave is set."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.people import Contact
from services.ingest.surveys.domain.sampling import Stratum, quotas
from services.ingest.surveys.domain.timing import next_wave, period_of
from services.ingest.surveys.planning import Candidate, plan
from services.ingest.surveys.schema import survey_strata, surveys
from services.ingest.surveys.store.invitations import add_invitations
from services.ingest.surveys.store.surveys import WAVES, Survey, find_survey
from shared.contracts.identity import event_hash
from shared.database.engine import Sessions
from shared.database.timers import TimerLoop, TimerMetrics
from shared.settings import DatabaseSettings

MOST_ASKED = 20_000
"""In one wave; so many rows fit into one transaction with room to spare."""

# Of each person the meeting that came last, at the touchpoints of the wave; who of a stratum is asked is chance that can be repeated.
_MET = """
    WITH met AS (
        SELECT DISTINCT ON (person) person, touchpoint, contact, last_at,
            CASE WHEN :by_segment THEN segment ELSE '' END AS segment, CASE WHEN :by_region THEN region ELSE '' END AS region,
            CASE WHEN :by_product THEN product ELSE '' END AS product
        FROM survey_contacts
        WHERE tenant = :tenant AND last_at >= :since AND last_at < :until
            AND (cardinality(CAST(:touchpoints AS text[])) = 0 OR touchpoint = ANY(CAST(:touchpoints AS text[])))
        ORDER BY person, last_at DESC, touchpoint
    )
"""
_BASES = sa.text(f"{_MET} SELECT segment, region, product, count(*) AS base FROM met GROUP BY 1, 2, 3")  # noqa: S608 - our own text
_DRAWN = sa.text(f"""
    {_MET}, drawn AS (
        SELECT *, row_number() OVER (PARTITION BY segment, region, product ORDER BY sha256(convert_to(:seed || person, 'UTF8'))) AS place
        FROM met
    )
    SELECT person, touchpoint, contact, segment, region, product FROM drawn
    JOIN unnest(CAST(:segments AS text[]), CAST(:regions AS text[]), CAST(:products AS text[]), CAST(:quotas AS int[]))
        AS wanted (segment, region, product, quota) USING (segment, region, product)
    WHERE place <= quota
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class WaveTimers:
    """The shared.database.timers.Due of waves."""

    ways: frozenset[Way]
    metrics: TimerMetrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next wave is due."""
        earliest: datetime | None = (await session.execute(sa.select(sa.func.min(surveys.c.next_wave_at)))).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Plan one wave. Does not commit."""
        due = sa.select(surveys.c.tenant, surveys.c.id, surveys.c.next_wave_at, sa.func.now().label("present"))
        due = due.where(surveys.c.next_wave_at <= sa.func.now()).order_by(surveys.c.next_wave_at).limit(1).with_for_update(skip_locked=True)
        row = (await session.execute(due)).one_or_none()
        if row is None:
            return 0
        survey = await find_survey(session, row.tenant, row.id)
        assert survey is not None
        wave = survey.document.wave
        following = None
        if wave is not None and survey.document.active:
            await plan_wave(session, survey, row.next_wave_at, row.present, self.ways)
            following = next_wave(max(row.next_wave_at, row.present), wave.every, survey.zone)
        mine = (surveys.c.tenant == row.tenant, surveys.c.id == row.id)
        await session.execute(sa.update(surveys).where(*mine).values(next_wave_at=following))
        self.metrics.fired(row.next_wave_at, row.present)
        return 1


async def plan_wave(session: AsyncSession, survey: Survey, at: datetime, now: datetime, ways: frozenset[Way]) -> int:
    """Ask a sample of those met in the period that ended at `at`; returns how many. Does not commit."""
    wave, sampling = survey.document.wave, survey.document.sampling
    assert wave is not None
    before = at - timedelta(microseconds=1)
    period = period_of(before, wave.every, survey.zone)
    by = sampling.by if sampling is not None else ()
    asked = {
        "tenant": survey.tenant, "since": _beginning(before, survey), "until": at, "touchpoints": list(wave.touchpoints),
        **{f"by_{name}": name in by for name in ("segment", "region", "product")},
    }  # fmt: skip
    bases = {Stratum(row.segment, row.region, row.product): row.base for row in await session.execute(_BASES, asked)}
    total = sum(bases.values())
    wanted = total if sampling is None else ceil(sampling.target / sampling.expected_response)
    parts = quotas(min(wanted, MOST_ASKED), bases)
    strata = sorted(bases)
    rows = [
        {"tenant": survey.tenant, "survey": survey.id, "period": period, **one._asdict(), "base": bases[one], "wanted": parts[one]}
        for one in strata
    ]
    if not rows:
        return 0
    await session.execute(insert(survey_strata).on_conflict_do_nothing(), rows)
    columns = {f"{name}s": [getattr(one, name) for one in strata] for name in Stratum._fields}
    drawn = {**asked, **columns, "quotas": [parts[one] for one in strata], "seed": f"{survey.id}\n{period}\n"}
    candidates = [_candidate(survey, period, row) for row in await session.execute(_DRAWN, drawn)]
    return len(await add_invitations(session, [plan(survey, one, ways, now) for one in candidates]))


def _beginning(before: datetime, survey: Survey) -> datetime:
    """The first instant of the period that `before` lies in."""
    assert survey.document.wave is not None
    local = before.astimezone(survey.zone)
    month = local.month if survey.document.wave.every == "month" else local.month - (local.month - 1) % 3
    return datetime(local.year, month, 1, tzinfo=survey.zone)


def _candidate(survey: Survey, period: str, row: Any) -> Candidate:
    """A person is asked once a wave, whoever plans it."""
    id = str(event_hash(f"/surveys/{survey.id}/{period}", row.person))
    context = {name: value for name in ("touchpoint", "region", "product") if (value := getattr(row, name))}
    return Candidate(id, Contact.model_validate(row.contact), context, row.segment, period=period)


def wave_loop(database: DatabaseSettings, sessions: Sessions, ways: frozenset[Way], metrics: TimerMetrics) -> TimerLoop:
    """The loop that fires them."""
    return TimerLoop("survey waves", database, sessions, WAVES, WaveTimers(ways, metrics), metrics, at_once=1)
