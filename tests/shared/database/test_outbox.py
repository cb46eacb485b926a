"""The outbox and its relay on real PostgreSQL; where a test must choose which send fails, the sink is its own."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from shared.clock import utc_now
from shared.database import outbox
from shared.database.engine import Sessions
from shared.database.outbox import OutboxRecord, Relay, enqueue
from shared.errors import Unavailable
from shared.settings import DatabaseSettings


class Sink:
    """Takes records, and refuses those whose value is in `refused`."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes]] = []
        self.refused: set[bytes] = set()

    def partition_for(self, topic: str, key: bytes) -> int:
        return key[0] % 2

    async def publish(self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        await asyncio.sleep(0)
        if value in self.refused:
            raise Unavailable("kafka", "refused by the test")
        self.sent.append((key, value))


class Delays:
    """What the relay measures."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def relayed(self, delay_seconds: float) -> None:
        self.seconds.append(delay_seconds)

    def waiting(self, records: int) -> None:
        pass


class Running:
    """A relay in this process, until the end of the block."""

    def __init__(self, database: DatabaseSettings, sink: Sink) -> None:
        self.delays = Delays()
        self._relay = Relay(database, sink, self.delays, utc_now)
        self._stop = asyncio.Event()

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(self._relay.run(self._stop, lambda: None))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.wait_for(self._task, 10)


async def put(sessions: Sessions, *records: tuple[bytes, bytes]) -> None:
    async with sessions.begin() as session:
        await enqueue(session, [OutboxRecord("topic", key, value, [("traceparent", b"00-1")]) for key, value in records])


async def left(sessions: Sessions) -> list[bytes]:
    async with sessions() as session:
        return list((await session.execute(text("SELECT value FROM outbox ORDER BY position"))).scalars())


async def until_left(sessions: Sessions, *values: bytes) -> None:
    async with asyncio.timeout(10):
        while await left(sessions) != list(values):
            await asyncio.sleep(0.02)


async def test_records_of_a_key_leave_in_order_and_are_deleted(database: DatabaseSettings, sessions: Sessions) -> None:
    sink = Sink()
    async with Running(database, sink) as running:
        for number in range(50):
            await put(sessions, (b"\x00", b"%d" % number))
        await until_left(sessions)

    assert [value for _, value in sink.sent] == [b"%d" % number for number in range(50)]
    assert len(running.delays.seconds) == 50


async def test_a_commit_wakes_the_relay(database: DatabaseSettings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "POLL_SECONDS", 3600.0)  # it does not look by itself
    sink = Sink()
    async with Running(database, sink):
        await put(sessions, (b"\x00", b"found when it begins"))
        await until_left(sessions)
        await put(sessions, (b"\x00", b"awaited"))
        await until_left(sessions)

    assert [value for _, value in sink.sent] == [b"found when it begins", b"awaited"]


async def test_nothing_leaves_from_a_transaction_that_was_rolled_back(database: DatabaseSettings, sessions: Sessions) -> None:
    sink = Sink()
    async with Running(database, sink):
        async with sessions() as session:
            await enqueue(session, [OutboxRecord("topic", b"\x00", b"never")])
            await session.rollback()
        await put(sessions, (b"\x00", b"after"))
        await until_left(sessions)

    assert sink.sent == [(b"\x00", b"after")]


async def test_a_partition_stops_at_its_first_failure_and_the_others_go_on(database: DatabaseSettings, sessions: Sessions) -> None:
    sink = Sink()
    sink.refused = {b"2"}
    await put(sessions, (b"\x00", b"1"), (b"\x00", b"2"), (b"\x01", b"3"), (b"\x00", b"4"))
    async with Running(database, sink):
        await until_left(sessions, b"2", b"4")

        sink.refused = set()
        await until_left(sessions)

    values = [value for _, value in sink.sent]
    assert values.index(b"2") < len(values) - 1 - values[::-1].index(b"4"), "4 stands after 2, whatever was sent twice"
    assert set(values) == {b"1", b"2", b"3", b"4"}


async def test_of_two_relays_one_sends_and_the_other_takes_over_when_its_connection_ends(
    database: DatabaseSettings, sessions: Sessions
) -> None:
    first, second = Sink(), Sink()
    async with Running(database, first):
        await put(sessions, (b"\x00", b"1"))
        await until_left(sessions)
        async with Running(database, second):
            await put(sessions, (b"\x00", b"2"))
            await until_left(sessions)
            assert (len(first.sent), len(second.sent)) == (2, 0)

            await end_relay_connections(database)
            await put(sessions, (b"\x00", b"3"))
            await until_left(sessions)

    assert [value for _, value in first.sent + second.sent].count(b"3") >= 1


async def test_the_delay_is_measured_from_the_transaction(database: DatabaseSettings, sessions: Sessions) -> None:
    sink = Sink()
    began = datetime.now(UTC)
    await put(sessions, (b"\x00", b"old"))
    await asyncio.sleep(0.3)
    async with Running(database, sink) as running:
        await until_left(sessions)

    assert 0.3 <= running.delays.seconds[0] <= (datetime.now(UTC) - began).total_seconds()


async def end_relay_connections(database: DatabaseSettings) -> None:
    connection = await asyncpg.connect(database.url.get_secret_value())
    await connection.execute("""
        SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()
    """)
    await connection.close()
