"""Stored offsets: how far a consumer has read, in the same transaction as what it did about it.

The move of an offset is a compare-and-set and comes last in the transaction: whoever no longer owns a partition finds
the offset moved, and everything it did in that transaction is undone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.errors import ConfigurationError, HearbackError


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class StaleOwner(HearbackError):
    """Another consumer has moved the stored offset: this one has lost the partition and must read the offset again."""


@dataclass(frozen=True, slots=True)
class Move:
    """From `expected` to `next_offset`; `watermark` and `oldest_unread` are append times (see `watermark` below)."""

    partition: Partition
    expected: int
    next_offset: int
    watermark: datetime | None
    oldest_unread: datetime | None


_START = text("""
    INSERT INTO consumer_offsets (consumer_group, topic, partition, cluster_id, next_offset)
    SELECT :group, topic, partition, :cluster, beginning
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:beginnings AS bigint[])) AS start (topic, partition, beginning)
    ORDER BY topic, partition
    ON CONFLICT DO NOTHING
""")

_READ = text("""
    SELECT topic, partition, cluster_id, next_offset FROM consumer_offsets
    WHERE consumer_group = :group
      AND (topic, partition) IN (SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[])))
""")

# The rows are locked in the order of their key before the update, which alone would lock them in any order.
_ADVANCE = text("""
    WITH move AS (
        SELECT * FROM unnest(
            CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:expected AS bigint[]), CAST(:next AS bigint[]),
            CAST(:watermarks AS timestamptz[]), CAST(:oldest AS timestamptz[])
        ) AS m (topic, partition, expected, next_offset, watermark, oldest_unread)
    ), held AS (
        SELECT o.topic, o.partition FROM consumer_offsets o JOIN move m
          ON o.consumer_group = :group AND o.topic = m.topic AND o.partition = m.partition AND o.next_offset = m.expected
        ORDER BY o.topic, o.partition FOR UPDATE OF o
    )
    UPDATE consumer_offsets o
    SET next_offset = m.next_offset, watermark = coalesce(m.watermark, o.watermark), oldest_unread = m.oldest_unread
    FROM move m JOIN held h ON h.topic = m.topic AND h.partition = m.partition
    WHERE o.consumer_group = :group AND o.topic = m.topic AND o.partition = m.partition AND o.next_offset = m.expected
""")

_WATERMARK = text("""
    SELECT CASE WHEN count(*) = count(watermark) THEN min(watermark) END
    FROM consumer_offsets WHERE consumer_group = :group AND topic = ANY(CAST(:topics AS text[]))
""")


_POSITIONS = text("""
    SELECT topic, partition, next_offset FROM consumer_offsets WHERE consumer_group = :group AND topic = ANY(CAST(:topics AS text[]))
""")


async def start_partitions(session: AsyncSession, group: str, cluster_id: str, beginnings: Mapping[Partition, int]) -> dict[Partition, int]:
    """The stored offsets of these partitions; one that has none yet starts at the log's beginning. Does not commit.

    Raises ConfigurationError when a stored offset belongs to another Kafka cluster, whose offsets mean nothing here.
    """
    wanted = sorted(beginnings)
    names = {"group": group, "topics": [p.topic for p in wanted], "partitions": [p.number for p in wanted]}
    await session.execute(_START, {**names, "cluster": cluster_id, "beginnings": [beginnings[p] for p in wanted]})
    stored: dict[Partition, int] = {}
    for row in await session.execute(_READ, names):
        if row.cluster_id != cluster_id:
            raise ConfigurationError(
                f"the stored offset of {group} in {row.topic} belongs to Kafka cluster {row.cluster_id}, this is {cluster_id}: point "
                "HEARBACK_KAFKA_BOOTSTRAP at the old cluster, or delete the rows of consumer_offsets to read this one from its start"
            )
        stored[Partition(row.topic, row.partition)] = row.next_offset
    return stored


async def advance(session: AsyncSession, group: str, moves: Sequence[Move]) -> None:
    """Move the stored offsets, all or none; must be the last statement of its transaction. Does not commit.

    Raises StaleOwner when any of them is not where `expected` says.
    """
    moved = await touch(session, group, moves)
    if moved != len(moves):
        raise StaleOwner(f"{len(moves) - moved} of {len(moves)} partitions of {group} have another owner")


async def touch(session: AsyncSession, group: str, moves: Sequence[Move]) -> int:
    """Like `advance` for those that are where `expected` says, the others left alone; returns how many moved."""
    result = await session.execute(
        _ADVANCE,
        {
            "group": group,
            "topics": [move.partition.topic for move in moves],
            "partitions": [move.partition.number for move in moves],
            "expected": [move.expected for move in moves],
            "next": [move.next_offset for move in moves],
            "watermarks": [move.watermark for move in moves],
            "oldest": [move.oldest_unread for move in moves],
        },
    )
    return result.rowcount  # type: ignore[attr-defined, no-any-return]


async def read_positions(session: AsyncSession, group: str, topics: Iterable[str]) -> dict[Partition, int]:
    """The next offset of each partition of `topics` that `group` has ever taken."""
    rows = await session.execute(_POSITIONS, {"group": group, "topics": list(topics)})
    return {Partition(row.topic, row.partition): row.next_offset for row in rows}


async def watermark(session: AsyncSession, group: str, topics: Iterable[str]) -> datetime | None:
    """The instant up to which `group` has read everything of `topics`: the minimum over their partitions.

    A partition's watermark is the append time of the record it read last or, at the log's end, the instant at which the
    broker last confirmed that end. None while any partition has not been read at all.
    """
    read: datetime | None = (await session.execute(_WATERMARK, {"group": group, "topics": list(topics)})).scalar_one()
    return read
