"""What scoring writes about a topic, worked out beforehand, and written by nothing but its driver: a transaction a batch."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.scoring.domain.observations import Observation, deltas, observation
from services.scoring.domain.slices import Slice
from services.scoring.schema import observations
from services.scoring.sources import GROUP
from shared.contracts.decoding import decode
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.kafka.consumer import BATCH

COLUMNS = [column.name for column in observations.columns]
ADD = """
    INSERT INTO buckets (slice, level, start, writer, component, amount)
    SELECT slice, level, start, 0, component, amount
    FROM unnest($1::int[], $2::smallint[], $3::timestamptz[], $4::bigint[], $5::bigint[]) AS delta (slice, level, start, component, amount)
    ON CONFLICT (slice, level, start, writer, component) DO UPDATE SET amount = buckets.amount + excluded.amount
"""
NOTE_ACTIVITY = """
    INSERT INTO slice_activity (slice, writer, version, changed_at) SELECT slice, 0, 1, now() FROM unnest($1::int[]) AS touched (slice)
    ON CONFLICT (slice, writer) DO UPDATE SET version = slice_activity.version + 1, changed_at = excluded.changed_at
"""
MOVE = "UPDATE consumer_offsets SET next_offset = next_offset + $2 WHERE topic = $1"


class Batch(NamedTuple):
    """The rows of one batch: observations, columns of bucket deltas, touched slices."""

    observations: Sequence[tuple[Any, ...]]
    deltas: Sequence[Sequence[Any]]
    slices: Sequence[int]


def batches_of(records: Sequence[bytes]) -> list[Batch]:
    """Batches as large as the consumer's. What was seen in an earlier batch, or twice in this one, is left out."""
    ids: dict[Slice, int] = {}
    seen: set[tuple[str, bytes]] = set()
    made = []
    for first in range(0, len(records), BATCH):
        rows = []
        for row in (observation(decode(value)) for value in records[first : first + BATCH]):
            key = (row.tenant, row.event)
            if key not in seen:
                seen.add(key)
                rows.append(row)
        rows.sort(key=lambda row: (row.tenant, row.event))
        made.append(_batch(rows, ids))
    return made


def _batch(rows: Sequence[Observation], ids: dict[Slice, int]) -> Batch:
    changes = sorted(
        (ids.setdefault(line, len(ids)), level, datetime.fromtimestamp(60 * start).astimezone(), component, amount)
        for (line, level, start, component), amount in deltas(rows).items()
    )
    records = [row._replace(event=UUID(bytes=row.event)) for row in rows]
    return Batch(records, [list(column) for column in zip(*changes, strict=True)], sorted({slice for slice, *_ in changes}))


async def write(connection: asyncpg.Connection, batches: Sequence[Batch]) -> None:
    """Write them all; the tables are empty."""
    await connection.execute(
        "INSERT INTO consumer_offsets (consumer_group, topic, partition, cluster_id, next_offset) VALUES ($1, $2, 0, '', 0)",
        GROUP,
        FEEDBACK_EVENTS,
    )
    for batch in batches:
        async with connection.transaction():
            await connection.copy_records_to_table("observations", columns=COLUMNS, records=batch.observations)
            await connection.execute(ADD, *batch.deltas)
            await connection.execute(NOTE_ACTIVITY, batch.slices)
            await connection.execute(MOVE, FEEDBACK_EVENTS, len(batch.observations))
