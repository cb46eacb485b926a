"""The stored offset fences: whoever lost a partition finds it moved, and nothing it did stays."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from shared.database.engine import Sessions
from shared.database.offsets import Move, Partition, StaleOwner, advance, start_partitions, watermark
from shared.errors import ConfigurationError
from tests.shared.tables import metadata

P0, P1 = Partition("feedback.events.v1", 0), Partition("feedback.events.v1", 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def start(sessions: Sessions, beginnings: dict[Partition, int], cluster: str = "cluster-1") -> dict[Partition, int]:
    async with sessions.begin() as session:
        return await start_partitions(session, "scoring", cluster, beginnings)


async def move(sessions: Sessions, *moves: Move) -> None:
    async with sessions.begin() as session:
        await advance(session, "scoring", moves)


async def test_a_partition_without_a_stored_offset_starts_at_the_logs_beginning(sessions: Sessions) -> None:
    assert await start(sessions, {P0: 7, P1: 0}) == {P0: 7, P1: 0}


async def test_a_stored_offset_beats_the_logs_beginning(sessions: Sessions) -> None:
    await start(sessions, {P0: 0})
    await move(sessions, Move(P0, 0, 42, NOON, None))

    assert await start(sessions, {P0: 0, P1: 3}) == {P0: 42, P1: 3}


async def test_a_second_owner_is_refused_and_its_other_partitions_stay_where_they_were(sessions: Sessions) -> None:
    await start(sessions, {P0: 0, P1: 0})
    await move(sessions, Move(P1, 0, 10, NOON, None))

    with pytest.raises(StaleOwner):
        await move(sessions, Move(P0, 0, 5, NOON, None), Move(P1, 0, 5, NOON, None))

    assert await start(sessions, {P0: 0, P1: 0}) == {P0: 0, P1: 10}


async def test_offsets_of_another_cluster_stop_the_consumer_with_what_to_do(sessions: Sessions) -> None:
    await start(sessions, {P0: 0})

    with pytest.raises(ConfigurationError, match=r"belongs to Kafka cluster cluster-1, this is cluster-2: .*HEARBACK_KAFKA_BOOTSTRAP"):
        await start(sessions, {P0: 0}, cluster="cluster-2")


async def test_the_watermark_is_the_minimum_and_unknown_while_a_partition_is_unread(sessions: Sessions) -> None:
    await start(sessions, {P0: 0, P1: 0})
    await move(sessions, Move(P0, 0, 1, NOON, None))
    async with sessions() as session:
        unread = await watermark(session, "scoring", [P0.topic])
    await move(sessions, Move(P1, 0, 1, NOON - timedelta(seconds=5), NOON))

    async with sessions() as session:
        read = await watermark(session, "scoring", [P0.topic])

    assert (unread, read) == (None, NOON - timedelta(seconds=5))


async def test_a_move_at_the_logs_end_keeps_no_oldest_unread_record(sessions: Sessions) -> None:
    await start(sessions, {P0: 0})
    await move(sessions, Move(P0, 0, 1, NOON, NOON))
    await move(sessions, Move(P0, 1, 2, None, None))

    async with sessions() as session:
        row = (await session.execute(sa.select(metadata.tables["consumer_offsets"]))).one()

    assert (row.next_offset, row.watermark, row.oldest_unread) == (2, NOON, None)
