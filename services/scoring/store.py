"""Slices and buckets in PostgreSQL. Everything here takes the session of its caller and never commits."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.domain.observations import Deltas
from services.scoring.domain.slices import Slice
from services.scoring.domain.windows import Minutes, cover

Label = TypeVar("Label", bound=str)

_FIND_SLICES = text("""
    SELECT s.tenant, s.measure, s.dimension, s.value, s.id
    FROM unnest(CAST(:tenants AS text[]), CAST(:measures AS text[]), CAST(:dimensions AS text[]), CAST(:values AS text[]))
      AS wanted (tenant, measure, dimension, value)
    JOIN slices s USING (tenant, measure, dimension, value)
""")

_MAKE_SLICES = text("""
    INSERT INTO slices (tenant, measure, dimension, value)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:measures AS text[]), CAST(:dimensions AS text[]), CAST(:values AS text[]))
    ON CONFLICT DO NOTHING
""")

_ADD = text("""
    INSERT INTO buckets (slice, level, start, writer, component, amount)
    SELECT slice, level, to_timestamp(60 * start), :writer, component, amount
    FROM unnest(CAST(:slices AS int[]), CAST(:levels AS smallint[]), CAST(:starts AS bigint[]),
                CAST(:components AS bigint[]), CAST(:amounts AS bigint[])) AS delta (slice, level, start, component, amount)
    ON CONFLICT (slice, level, start, writer, component) DO UPDATE SET amount = buckets.amount + excluded.amount
""")

_NOTE_ACTIVITY = text("""
    INSERT INTO slice_activity (slice, writer, version, changed_at)
    SELECT slice, :writer, 1, now() FROM unnest(CAST(:slices AS int[])) AS touched (slice)
    ON CONFLICT (slice, writer) DO UPDATE SET version = slice_activity.version + 1, changed_at = excluded.changed_at
""")

# LATERAL, so that each (slice, span) is one range of the primary key whatever the planner believes about the arrays.
_HISTOGRAMS = text("""
    SELECT s.tenant, s.measure, s.dimension, s.value, span.label, counted.component, CAST(sum(counted.amount) AS bigint) AS amount
    FROM unnest(CAST(:tenants AS text[]), CAST(:measures AS text[]), CAST(:dimensions AS text[]), CAST(:values AS text[]))
      AS wanted (tenant, measure, dimension, value)
    JOIN slices s USING (tenant, measure, dimension, value)
    CROSS JOIN unnest(CAST(:labels AS text[]), CAST(:levels AS smallint[]), CAST(:starts AS bigint[]), CAST(:ends AS bigint[]))
      AS span (label, level, first, last)
    CROSS JOIN LATERAL (
        SELECT b.component, sum(b.amount) AS amount FROM buckets b
        WHERE b.slice = s.id AND b.level = span.level
          AND b.start >= to_timestamp(60 * span.first) AND b.start < to_timestamp(60 * span.last)
        GROUP BY b.component
    ) AS counted
    GROUP BY s.tenant, s.measure, s.dimension, s.value, span.label, counted.component
    HAVING sum(counted.amount) <> 0
""")

_VALUES = text("""
    SELECT DISTINCT value FROM slices
    WHERE tenant = :tenant AND measure = ANY(CAST(:measures AS text[])) AND dimension = :dimension ORDER BY value
""")


class SliceIds:
    """The ids of slices, remembered for the life of the process: a slice never changes its id and is never deleted."""

    _MADE_HERE = "slices made in this session"

    def __init__(self) -> None:
        self._known: dict[Slice, int] = {}

    async def of(self, session: AsyncSession, wanted: set[Slice]) -> Mapping[Slice, int]:
        """The id of every wanted slice; those that do not exist yet are made in the session's transaction.

        Only ids that others committed are remembered: what this transaction made may still be rolled back.
        """
        missing = sorted(wanted - self._known.keys())
        if not missing:
            return self._known
        found = await _find(session, missing)
        made: set[Slice] = session.info.setdefault(self._MADE_HERE, set())
        self._known.update((line, id) for line, id in found.items() if line not in made)
        absent = [line for line in missing if line not in found]
        if absent:
            await session.execute(_MAKE_SLICES, _columns(absent))
            made.update(absent)
            found |= await _find(session, absent)
        return self._known | found


async def add(session: AsyncSession, ids: SliceIds, deltas: Deltas, writer: int) -> None:
    """Add to the rows of one writer, and note which slices changed. Rows are written in the order of their key."""
    if not deltas:
        return
    id_of = await ids.of(session, {line for line, *_ in deltas})
    rows = sorted((id_of[line], level, start, component, amount) for (line, level, start, component), amount in deltas.items())
    slices, levels, starts, components, amounts = map(list, zip(*rows, strict=True))
    await session.execute(
        _ADD, {"writer": writer, "slices": slices, "levels": levels, "starts": starts, "components": components, "amounts": amounts}
    )
    await session.execute(_NOTE_ACTIVITY, {"writer": writer, "slices": sorted(set(slices))})


async def histograms(
    session: AsyncSession, lines: Iterable[Slice], intervals: Mapping[Label, Minutes]
) -> dict[tuple[Slice, Label], dict[int, int]]:
    """The histogram of each slice over each labelled interval; what holds nothing is left out."""
    spans = [(label, *span) for label, minutes in intervals.items() for span in cover(minutes)]
    arrays = {
        **_columns(sorted(set(lines))),
        "labels": [label for label, *_ in spans],
        "levels": [level for _, level, *_ in spans],
        "starts": [start for *_, start, _ in spans],
        "ends": [end for *_, end in spans],
    }
    rows = await session.execute(_HISTOGRAMS, arrays)
    counted: dict[tuple[Slice, Label], dict[int, int]] = {}
    for tenant, measure, dimension, value, label, component, amount in rows:
        counted.setdefault((Slice(tenant, measure, dimension, value), label), {})[component] = amount
    return counted


async def values_of(session: AsyncSession, tenant: str, measures: Sequence[str], dimension: str) -> list[str]:
    """Every value of a dimension that was ever observed for any of these measures of a tenant."""
    rows = await session.execute(_VALUES, {"tenant": tenant, "measures": list(measures), "dimension": dimension})
    return list(rows.scalars())


async def begin_reading(session: AsyncSession) -> datetime:
    """Make everything that this transaction reads one snapshot, and say which instant it shows. Must be its first statement."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    now: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return now


async def _find(session: AsyncSession, lines: Sequence[Slice]) -> dict[Slice, int]:
    rows = await session.execute(_FIND_SLICES, _columns(lines))
    return {Slice(tenant, measure, dimension, value): id for tenant, measure, dimension, value, id in rows}


def _columns(lines: Sequence[Slice]) -> dict[str, list[str]]:
    return {
        "tenants": [line.tenant for line in lines],
        "measures": [line.measure for line in lines],
        "dimensions": [line.dimension for line in lines],
        "values": [line.value for line in lines],
    }
