"""Who was drawn for a wave, in which order, and how many of each stratum are wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.domain.sampling import Stratum
from services.ingest.surveys.store.surveys import Survey

# Of each person the meeting that came last, at the touchpoints of the wave. Who comes first in a stratum is chance that can be repeated.
_DRAW = text("""
    WITH met AS (
        SELECT DISTINCT ON (person) person, contact,
            jsonb_strip_nulls(jsonb_build_object(
                'touchpoint', nullif(touchpoint, ''), 'region', nullif(region, ''), 'product', nullif(product, '')
            )) AS context,
            CASE WHEN :by_segment THEN segment ELSE '' END AS segment, CASE WHEN :by_region THEN region ELSE '' END AS region,
            CASE WHEN :by_product THEN product ELSE '' END AS product
        FROM survey_contacts
        WHERE tenant = :tenant AND last_at >= :since AND last_at < :until
            AND (cardinality(CAST(:touchpoints AS text[])) = 0 OR touchpoint = ANY(CAST(:touchpoints AS text[])))
        ORDER BY person, last_at DESC, touchpoint
    ), strata AS (
        INSERT INTO survey_strata (tenant, survey, period, segment, region, product, base, wanted, open)
        SELECT :tenant, :survey, :period, segment, region, product, count(*), 0, true FROM met GROUP BY segment, region, product
        ON CONFLICT DO NOTHING RETURNING segment, region, product, base
    ), drawn AS (
        INSERT INTO survey_drawn (tenant, survey, period, segment, region, product, place, person, contact, context)
        SELECT :tenant, :survey, :period, segment, region, product,
            row_number() OVER (PARTITION BY segment, region, product ORDER BY sha256(convert_to(:seed || person, 'UTF8'))),
            person, contact, context
        FROM met JOIN strata USING (segment, region, product)
    )
    SELECT segment, region, product, base FROM strata
""")
_WANTED = text("""
    UPDATE survey_strata AS strata SET wanted = quotas.wanted
    FROM unnest(CAST(:segments AS text[]), CAST(:regions AS text[]), CAST(:products AS text[]), CAST(:wanted AS int[]))
        AS quotas (segment, region, product, wanted)
    WHERE strata.tenant = :tenant AND strata.survey = :survey AND strata.period = :period
        AND (strata.segment, strata.region, strata.product) = (quotas.segment, quotas.region, quotas.product)
""")
_OF = "tenant = :tenant AND survey = :survey AND period = :period AND segment = :segment AND region = :region AND product = :product"
_STRATUM = text("""
    SELECT tenant, survey, period, segment, region, product, wanted - planned AS missing FROM survey_strata
    WHERE open ORDER BY tenant, survey, period LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")
_TAKE = text(f"""
    DELETE FROM survey_drawn WHERE {_OF} AND place IN (
        SELECT place FROM survey_drawn WHERE {_OF} ORDER BY place LIMIT :most
    )
    RETURNING place, person, contact, context
""")  # noqa: S608 - our own text
_LEAVE = text(f"DELETE FROM survey_drawn WHERE {_OF}")  # noqa: S608
_CLOSE = text(f"UPDATE survey_strata SET open = false WHERE {_OF}")  # noqa: S608
_PLANNED = text(f"UPDATE survey_strata SET planned = planned + :planned WHERE {_OF}")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of one stratum of a wave, taken in the order of the draw. Empty where nobody more is wanted."""

    tenant: str
    survey: str
    period: str
    stratum: Stratum
    rows: Sequence[Any]

    @property
    def key(self) -> dict[str, Any]:
        """The key of its stratum."""
        return {"tenant": self.tenant, "survey": self.survey, "period": self.period, **self.stratum._asdict()}


async def draw(
    session: AsyncSession, survey: Survey, period: str, since: datetime, until: datetime, touchpoints: Sequence[str]
) -> dict[Stratum, int]:
    """Put those met from `since` until `until` in order; returns how many there are by stratum, none when they were drawn before."""
    values = {
        "tenant": survey.tenant, "survey": survey.id, "period": period, "since": since, "until": until, "touchpoints": list(touchpoints),
        "seed": f"{survey.id}\n{period}\n", **{f"by_{name}": name in survey.document.strata for name in Stratum._fields},
    }  # fmt: skip
    return {Stratum(row.segment, row.region, row.product): row.base for row in await session.execute(_DRAW, values)}


async def set_quotas(session: AsyncSession, survey: Survey, period: str, wanted: Mapping[Stratum, int]) -> None:
    """How many of each stratum are to be asked."""
    strata = sorted(wanted)
    columns = {f"{name}s": [getattr(one, name) for one in strata] for name in Stratum._fields}
    values = {"tenant": survey.tenant, "survey": survey.id, "period": period, **columns, "wanted": [wanted[one] for one in strata]}
    await session.execute(_WANTED, values)


async def next_slice(session: AsyncSession, most: int) -> Slice | None:
    """Take the next ones of a stratum that nobody else is at; None when there is none. Who is not wanted any more is forgotten."""
    row = (await session.execute(_STRATUM)).one_or_none()
    if row is None:
        return None
    part = Slice(row.tenant, row.survey, row.period, Stratum(row.segment, row.region, row.product), ())
    taken = (await session.execute(_TAKE, {**part.key, "most": max(0, min(most, row.missing))})).all()
    if not taken:
        await session.execute(_LEAVE, part.key)
        await session.execute(_CLOSE, part.key)
    return replace(part, rows=sorted(taken, key=lambda one: one.place))


async def planned_of(session: AsyncSession, part: Slice, planned: int) -> None:
    """So many more of this stratum are going to be asked."""
    await session.execute(_PLANNED, {**part.key, "planned": planned})
