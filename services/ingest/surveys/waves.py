"""Waves: at the first instant of a month or quarter those met in the one before are drawn, in strata, and then planned slice by slice.

Drawing is one statement, which puts everybody into an order by a chance that can be repeated; each slice is a transaction of its own, so
that a wave of any size needs little memory and goes on where a killed process left it. Who cannot be asked makes room for the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.people import Contact
from services.ingest.surveys.domain.sampling import quotas
from services.ingest.surveys.domain.timing import beginning_of, days_ago, next_wave, period_of
from services.ingest.surveys.planning import Candidate, plan
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.schema import surveys
from services.ingest.surveys.store.drawing import Slice, draw, next_slice, planned_of, set_quotas
from services.ingest.surveys.store.invitations import add_invitations
from services.ingest.surveys.store.people import asked_by, asked_lately, decide_alone, of_person, opted_out
from services.ingest.surveys.store.surveys import WAVES, Survey, find_survey
from shared.contracts.identity import event_hash
from shared.database.engine import Sessions
from shared.database.timers import TimerLoop, TimerMetrics
from shared.settings import DatabaseSettings

SLICE = 200
"""People that one transaction plans."""


@dataclass(frozen=True, slots=True)
class WaveTimers:
    """The shared.database.timers.Due of waves."""

    reach: Reach
    metrics: TimerMetrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next wave is due; at once while one is being planned."""
        if (await session.execute(sa.text("SELECT EXISTS (SELECT FROM survey_strata WHERE open)"))).scalar_one():
            return (await session.execute(sa.select(sa.func.now()))).scalar_one()
        earliest: datetime | None = (await session.execute(sa.select(sa.func.min(surveys.c.next_wave_at)))).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Plan the next slice of a wave, or draw one that is due. Does not commit."""
        part = await next_slice(session, min(limit, SLICE))
        if part is not None:
            await self._plan(session, part)
            return 1
        return await self._draw(session)

    async def _draw(self, session: AsyncSession) -> int:
        due = sa.select(surveys.c.tenant, surveys.c.id, surveys.c.next_wave_at, sa.func.now().label("present"))
        due = due.where(surveys.c.next_wave_at <= sa.func.now()).order_by(surveys.c.next_wave_at).limit(1).with_for_update(skip_locked=True)
        row = (await session.execute(due)).one_or_none()
        if row is None:
            return 0
        survey = await find_survey(session, row.tenant, row.id)
        assert survey is not None
        wave = survey.document.wave
        following = None
        if wave is not None and survey.active:
            await draw_wave(session, survey, row.next_wave_at)
            following = next_wave(max(row.next_wave_at, row.present), wave.every, survey.zone)
        mine = (surveys.c.tenant == row.tenant, surveys.c.id == row.id)
        await session.execute(sa.update(surveys).where(*mine).values(next_wave_at=following))
        self.metrics.fired(row.next_wave_at, row.present)
        return 1

    async def _plan(self, session: AsyncSession, part: Slice) -> None:
        """Ask those of a slice who can be asked."""
        survey = await find_survey(session, part.tenant, part.survey)
        assert survey is not None
        now: datetime = (await session.execute(sa.select(sa.func.now()))).scalar_one()
        candidates = [_candidate(survey, part.period, row) for row in part.rows] if survey.active else []
        await decide_alone(session, {f"{survey.tenant}\n{key}" for one in candidates for key in one.contact.keys})
        reasons = await _against(session, survey, candidates, now)
        ways = await self.reach.ways(session, survey.tenant, [one.contact for one in candidates])
        planned = [
            plan(survey, one, possible, now, passed_over=reasons.get(one.id)) for one, possible in zip(candidates, ways, strict=True)
        ]
        await add_invitations(session, planned)
        await planned_of(session, part, sum(one.state == "planned" for one in planned))


async def draw_wave(session: AsyncSession, survey: Survey, at: datetime) -> None:
    """Put those met in the period that ended at `at` into the order in which they are asked, and set how many of each stratum are wanted.
    A wave that was drawn before stays as it is. Does not commit."""
    wave, sampling = survey.document.wave, survey.document.sampling
    assert wave is not None
    before = at - timedelta(microseconds=1)
    period = period_of(before, wave.every, survey.zone)
    bases = await draw(session, survey, period, beginning_of(before, wave.every, survey.zone), at, wave.touchpoints)
    total = sum(bases.values())
    wanted = total if sampling is None else min(ceil(sampling.target / sampling.expected_response), ceil(total * sampling.share))
    await set_quotas(session, survey, period, quotas(wanted, bases))


async def _against(session: AsyncSession, survey: Survey, candidates: Sequence[Candidate], now: datetime) -> dict[str, str]:
    """By candidate, why somebody of a wave is not asked, so that another one of the stratum is."""
    document, found, keys = survey.document, dict[str, str](), {key for one in candidates for key in one.contact.keys}
    if document.sampling is not None:
        asked = await asked_by(session, survey.tenant, survey.id, keys, days_ago(now, document.sampling.window_days, survey.zone))
        most = document.sampling.most_per_customer
        found |= {one.id: "frequent" for one in candidates if len(of_person(asked, one.contact.keys)) >= most}
    if document.fatigue_days:
        lately = await asked_lately(session, survey.tenant, keys, days_ago(now, document.fatigue_days, survey.zone))
        found |= {one.id: "asked_lately" for one in candidates if of_person(lately, one.contact.keys) - {one.id}}
    out = await opted_out(session, survey.tenant, keys)
    return found | {one.id: "opted_out" for one in candidates if not out.isdisjoint(one.contact.keys)}


def _candidate(survey: Survey, period: str, row: Any) -> Candidate:
    """A person is asked once a wave, whoever plans it."""
    id = str(event_hash(f"/surveys/{survey.id}/{period}", row.person))
    return Candidate(id, Contact.model_validate(row.contact), row.context, period=period)


def wave_loop(database: DatabaseSettings, sessions: Sessions, reach: Reach, metrics: TimerMetrics) -> TimerLoop:
    """The loop that fires them."""
    return TimerLoop("survey waves", database, sessions, WAVES, WaveTimers(reach, metrics), metrics, at_once=SLICE)
