"""Published series in PostgreSQL: what changed, what was said last, claims of samples. Takes its caller's session, never commits."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.series import HEARTBEAT, Published, Series
from services.scoring.domain.slices import Slice
from shared.contracts.metrics import MetricSampled

AGAIN_AFTER = timedelta(seconds=5)
AGAIN_AT_MOST = 2000


class Activity(NamedTuple):
    """A slice, which of its writers wrote, and how often that one has."""

    line: Slice
    writer: int
    version: int


class Claim(NamedTuple):
    """A sample that is to be the next after `expected`."""

    series: Series
    expected: int
    digest: str
    sample: MetricSampled


class Claimed(NamedTuple):
    """A sample that nobody else will number so, not yet known to be on Kafka."""

    tenant: str
    series: str
    sequence: int
    sample: MetricSampled


_ACTIVITY = text("""
    SELECT s.tenant, s.measure, s.dimension, s.value, a.writer, a.version
    FROM slice_activity a JOIN slices s ON s.id = a.slice WHERE a.changed_at > now() - CAST(:overlap AS interval)
""")

_OVERDUE = text("""
    SELECT tenant, metric, dimension, value, "window" FROM published_series WHERE claimed_at <= now() - CAST(:heartbeat AS interval)
""")

_LAST = text("""
    SELECT tenant, metric, dimension, value, "window", sequence, digest, claimed_at
    FROM unnest(CAST(:tenants AS text[]), CAST(:names AS text[])) AS wanted (tenant, series)
    JOIN published_series USING (tenant, series)
""")

_INTRODUCE = text("""
    INSERT INTO published_series (tenant, series, metric, dimension, value, "window", sequence)
    SELECT *, 0 FROM unnest(CAST(:tenants AS text[]), CAST(:names AS text[]), CAST(:metrics AS text[]),
                            CAST(:dimensions AS text[]), CAST(:values AS text[]), CAST(:windows AS text[]))
    ON CONFLICT DO NOTHING
""")

# A row that another replica holds is being claimed there, so it is skipped; one that was claimed since it was read is not `free`.
_CLAIM = text("""
    WITH claim AS (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:names AS text[]), CAST(:expected AS bigint[]),
                             CAST(:digests AS text[]), CAST(:samples AS text[])) AS c (tenant, series, expected, digest, sample)
    ), free AS (
        SELECT p.tenant, p.series FROM published_series p JOIN claim c USING (tenant, series)
        WHERE p.sequence = c.expected ORDER BY p.tenant, p.series FOR UPDATE OF p SKIP LOCKED
    )
    UPDATE published_series p
    SET sequence = c.expected + 1, digest = c.digest, sample = CAST(c.sample AS jsonb), claimed_at = now(), published_at = NULL
    FROM claim c JOIN free USING (tenant, series) WHERE p.tenant = c.tenant AND p.series = c.series
    RETURNING p.tenant, p.series
""")

_UNMARKED = text("""
    SELECT tenant, series, sequence, CAST(sample AS text) AS sample FROM published_series
    WHERE published_at IS NULL AND claimed_at <= now() - CAST(:again AS interval) ORDER BY claimed_at LIMIT :most
""")

_MARK = text("""
    WITH sent AS (
        SELECT p.tenant, p.series FROM published_series p
        JOIN unnest(CAST(:tenants AS text[]), CAST(:names AS text[]), CAST(:sequences AS bigint[])) AS s (tenant, series, sequence)
        USING (tenant, series, sequence) ORDER BY p.tenant, p.series FOR UPDATE OF p
    )
    UPDATE published_series p SET published_at = now() FROM sent WHERE p.tenant = sent.tenant AND p.series = sent.series
""")

_SAMPLES = text("""
    SELECT metric, dimension, value, "window", CAST(sample AS text) AS sample
    FROM published_series WHERE tenant = :tenant AND sample IS NOT NULL ORDER BY series
""")


async def activity(session: AsyncSession, overlap: timedelta) -> list[Activity]:
    """Which slices changed within `overlap`, which must exceed the longest transaction: changes bear their transaction's beginning."""
    rows = await session.execute(_ACTIVITY, {"overlap": overlap})
    return [Activity(Slice(*row[:4]), row.writer, row.version) for row in rows]


async def every_slice(session: AsyncSession) -> list[Slice]:
    """Every slice of every tenant."""
    return [Slice(*row) for row in await session.execute(text("SELECT tenant, measure, dimension, value FROM slices"))]


async def overdue(session: AsyncSession) -> list[Series]:
    """Series whose last sample is old enough for a heartbeat."""
    return [Series(*row) for row in await session.execute(_OVERDUE, {"heartbeat": HEARTBEAT})]


async def last_published(session: AsyncSession, series: Sequence[Series]) -> dict[Series, Published]:
    """What was claimed last for each of these series that has ever been claimed."""
    rows = await session.execute(_LAST, {"tenants": [s.tenant for s in series], "names": [s.name for s in series]})
    return {Series(*row[:5]): Published(row.sequence, row.digest, row.claimed_at) for row in rows}


async def claim(session: AsyncSession, claims: Sequence[Claim]) -> list[Claimed]:
    """Number these samples; those that another replica numbered meanwhile are left out of the answer."""
    if not claims:
        return []
    claims = sorted(claims, key=lambda c: (c.series.tenant, c.series.name))
    names = {"tenants": [c.series.tenant for c in claims], "names": [c.series.name for c in claims]}
    new = [c for c in claims if c.expected == 0]
    if new:
        await session.execute(_INTRODUCE, _columns([c.series for c in new]))
    rows = await session.execute(
        _CLAIM,
        {
            **names,
            "expected": [c.expected for c in claims],
            "digests": [c.digest for c in claims],
            "samples": [c.sample.model_dump_json() for c in claims],
        },
    )
    won = {(row.tenant, row.series) for row in rows}
    return [Claimed(c.series.tenant, c.series.name, c.expected + 1, c.sample) for c in claims if (c.series.tenant, c.series.name) in won]


async def unmarked(session: AsyncSession) -> list[Claimed]:
    """Samples claimed more than five seconds ago of which nobody knows that they are on Kafka, the oldest first."""
    rows = await session.execute(_UNMARKED, {"again": AGAIN_AFTER, "most": AGAIN_AT_MOST})
    return [Claimed(row.tenant, row.series, row.sequence, MetricSampled.model_validate_json(row.sample)) for row in rows]


async def mark_published(session: AsyncSession, sent: Sequence[Claimed]) -> None:
    """Note that these samples are on Kafka, unless a newer one was claimed since."""
    if sent:
        await session.execute(
            _MARK, {"tenants": [c.tenant for c in sent], "names": [c.series for c in sent], "sequences": [c.sequence for c in sent]}
        )


async def samples_of(session: AsyncSession, tenant: str) -> list[tuple[Series, MetricSampled]]:
    """The last sample of every published series of a tenant."""
    rows = await session.execute(_SAMPLES, {"tenant": tenant})
    return [(Series(tenant, *row[:4]), MetricSampled.model_validate_json(row.sample)) for row in rows]


def _columns(series: Sequence[Series]) -> dict[str, list[str]]:
    return {
        "tenants": [s.tenant for s in series],
        "names": [s.name for s in series],
        "metrics": [s.metric for s in series],
        "dimensions": [s.dimension for s in series],
        "values": [s.value for s in series],
        "windows": [s.window for s in series],
    }
