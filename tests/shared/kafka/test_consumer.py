"""The consumer loop on real Kafka and PostgreSQL: each event's effect once, poison aside, stale owners fenced, a drain at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.contracts.decoding import admit as admit_event
from shared.contracts.decoding import decode, encode
from shared.contracts.identity import event_digest
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.offsets import Partition, StaleOwner, read_positions, start_partitions
from shared.database.seen import admit
from shared.errors import ConfigurationError, InvalidEvent
from shared.kafka.batch import BatchProcessor, Item, Received
from shared.kafka.consumer import Consumer
from shared.kafka.dead_letters import ONLY, SourceRecord
from shared.kafka.metrics import ConsumerMetrics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.shared.tables import Note, notes


class Recorder:
    """A handler that notes each new event once, in the batch's transaction, and refuses what the test names."""

    read = staticmethod(decode)

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.refused: set[str] = set()
        self.batches: list[list[Received]] = []
        self.before_commit: Callable[[AsyncSession], Any] | None = None

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        mine = [received for received in batch if received.event.tenant == self.tenant]
        self.batches.append(mine)
        rows = [Note(r.event.tenant, event_digest(r.event.source, r.event.id), 1, [r.event.id]) for r in mine]
        await admit(session, notes, rows)
        if any(r.event.id in self.refused for r in mine):
            raise InvalidEvent("refused_by_test")
        if self.before_commit is not None:
            await self.before_commit(session)


class Bench:
    """A tenant and a consumer group of one test, on the topics that all tests share."""

    def __init__(self, kafka: KafkaSettings, sessions: Sessions, sender: AIOKafkaProducer) -> None:
        self.kafka, self.sessions, self.sender = kafka, sessions, sender
        self.name = f"t-{uuid4().hex[:12]}"
        self.metrics = ConsumerMetrics(self.name.replace("-", "_"), CollectorRegistry())

    def event(self, id: str) -> bytes:
        now = utc_now()
        item = f'{{"type":"feedback.comment_posted.v1","time":"{now.isoformat()}","data":{{"channel":"web","text":"好"}}}}'
        return encode(admit_event(item.encode(), now), id=id, source="/test", tenant=self.name, receivedat=now)

    async def send(self, *ids: str, topic: str = FEEDBACK_EVENTS, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        for id in ids:
            await self.sender.send_and_wait(topic, self.event(id), key=id.encode(), headers=list(headers))

    @asynccontextmanager
    async def consuming(self, handler: Recorder) -> AsyncIterator[asyncio.Task[None]]:
        """A consumer that starts at the present end of the logs, until the end of the block."""
        consumer = Consumer(
            kafka=self.kafka, group=self.name, live=[FEEDBACK_EVENTS], backfill=[FEEDBACK_BACKFILL], handler=handler,
            sessions=self.sessions, metrics=self.metrics,
        )  # fmt: skip
        stop = asyncio.Event()
        task = asyncio.create_task(consumer.run(stop, lambda: None))
        yield task
        stop.set()
        await asyncio.wait({task}, timeout=20)
        assert task.done()

    async def noted(self) -> list[str]:
        async with self.sessions() as session:
            rows = await session.execute(sa.select(notes.c.words).where(notes.c.tenant == self.name))
            return sorted(words[0] for words in rows.scalars())

    async def until_noted(self, *ids: str, task: asyncio.Task[None] | None = None) -> None:
        async with asyncio.timeout(30):
            while await self.noted() != sorted(ids):
                if task is not None and task.done():
                    task.result()
                await asyncio.sleep(0.05)

    async def dead(self) -> list[tuple[str, dict[str, bytes]]]:
        """Values and headers of this test's dead letters in the outbox."""
        async with self.sessions() as session:
            rows = await session.execute(text("SELECT * FROM outbox ORDER BY position"))
            dead = [(bytes(r.value).decode("latin-1"), dict(zip(r.header_names, map(bytes, r.header_values), strict=True))) for r in rows]
            return [(value, headers) for value, headers in dead if self.name in value]


@pytest.fixture
async def bench(kafka: KafkaSettings, sessions: Sessions) -> AsyncIterator[Bench]:
    sender = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await sender.start()
    yield Bench(kafka, sessions, sender)
    await sender.stop()


async def test_an_event_has_its_effect_once_however_often_it_is_published(bench: Bench) -> None:
    handler = Recorder(bench.name)
    async with bench.consuming(handler):
        await bench.send("a", "b", "a", "a")
        await bench.send("b", topic=FEEDBACK_BACKFILL)
        await bench.send("c")
        await bench.until_noted("a", "b", "c")


async def test_an_event_comes_with_the_trace_that_its_sender_gave_it(bench: Bench) -> None:
    handler = Recorder(bench.name)
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with bench.consuming(handler):
        await bench.send("traced", headers=[("traceparent", trace)])
        await bench.send("not-traced")
        await bench.until_noted("traced", "not-traced")

    assert {r.event.id: r.traceparent for batch in handler.batches for r in batch} == {"traced": trace, "not-traced": None}


async def test_a_restarted_consumer_goes_on_where_the_last_commit_was(bench: Bench) -> None:
    first, second = Recorder(bench.name), Recorder(bench.name)
    async with bench.consuming(first):
        await bench.send("a")
        await bench.until_noted("a")
    await bench.send("b")

    async with bench.consuming(second):
        await bench.until_noted("a", "b")

    assert [r.event.id for batch in second.batches for r in batch] == ["b"]


async def test_a_batch_that_was_not_committed_is_processed_again(bench: Bench) -> None:
    handler = Recorder(bench.name)
    failed = 0

    async def deadlock_twice(session: AsyncSession) -> None:
        nonlocal failed
        if failed < 2 and handler.batches[-1]:
            failed += 1
            await session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'made by the test' USING ERRCODE = '40P01'; END $$"))

    handler.before_commit = deadlock_twice
    async with bench.consuming(handler):
        await bench.send("a")
        await bench.until_noted("a")

    assert failed == 2


async def test_poison_is_set_aside_with_its_reason_and_the_rest_goes_on(bench: Bench) -> None:
    handler = Recorder(bench.name)
    handler.refused = {"bad-1", "bad-2"}
    async with bench.consuming(handler):
        await bench.sender.send_and_wait(FEEDBACK_EVENTS, b"no json " + bench.name.encode(), key=b"k")
        await bench.send("a", "bad-1", "b", "c", "bad-2", "d")
        await bench.until_noted("a", "b", "c", "d")
        async with asyncio.timeout(20):
            while len(await bench.dead()) < 3:
                await asyncio.sleep(0.05)

    dead = await bench.dead()
    told = {value if value.startswith("no json") else next(i for i in ("bad-1", "bad-2") if i in value): headers for value, headers in dead}
    assert told[f"no json {bench.name}"]["hearback-error"].startswith(b"not_json")
    assert told["bad-1"]["hearback-error"] == told["bad-2"]["hearback-error"] == b"refused_by_test"
    assert {headers["hearback-consumer"] for _, headers in dead} == {bench.name.encode()}
    assert {headers["hearback-source-topic"] for _, headers in dead} == {FEEDBACK_EVENTS.encode()}
    assert await bench.noted() == ["a", "b", "c", "d"], "a dead letter writes no `seen` row"


async def test_data_that_only_the_database_can_refuse_is_poison_too(bench: Bench) -> None:
    handler = Recorder(bench.name)

    async def overflow(session: AsyncSession) -> None:
        if any(r.event.id == "bad" for r in handler.batches[-1]):
            await session.execute(text("SELECT CAST(2147483648 AS int)"))

    handler.before_commit = overflow
    async with bench.consuming(handler):
        await bench.send("a", "bad", "b")
        await bench.until_noted("a", "b")
        async with asyncio.timeout(20):
            while not await bench.dead():
                await asyncio.sleep(0.05)

    [(_, headers)] = await bench.dead()
    assert headers["hearback-error"] == b"refused_by_database_22003"


async def test_what_takes_longer_than_a_transaction_may_is_committed_in_smaller_ones(bench: Bench, database: DatabaseSettings) -> None:
    engine = create_engine(database.model_copy(update={"transaction_timeout_seconds": 0.5}), "test")
    handler = Recorder(bench.name)
    partition = Partition(FEEDBACK_EVENTS, 0)
    records = [SourceRecord(*partition, offset, utc_now(), b"", bench.event(id), []) for offset, id in enumerate("abcdef")]
    items = [Item(partition, record, expected=record.offset) for record in records]

    async def never_ready_with_many(session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_sleep(CASE WHEN :many THEN 60 ELSE 0 END)"), {"many": len(handler.batches[-1]) > 2})

    handler.before_commit = never_ready_with_many
    async with bench.sessions.begin() as session:
        await start_partitions(session, bench.name, "cluster", {partition: 0})
    processor = BatchProcessor(bench.name, handler, create_sessions(engine), bench.metrics)
    await processor.decode(items)
    async with asyncio.timeout(60):
        await processor.process(items, lambda *_: None)
    await engine.dispose()

    assert [r.event.id for r in handler.batches[0]] == [*"abcdef"]
    assert await bench.noted() == [*"abcdef"]
    async with bench.sessions() as session:
        assert await read_positions(session, bench.name, [FEEDBACK_EVENTS]) == {partition: 6}


async def test_a_replayed_dead_letter_is_read_by_the_consumer_that_it_names_alone(bench: Bench) -> None:
    handler = Recorder(bench.name)
    async with bench.consuming(handler):
        await bench.send("for-another", headers=[(ONLY, b"another-group")])
        await bench.send("for-us", headers=[(ONLY, bench.name.encode())])
        await bench.send("for-all")
        await bench.until_noted("for-us", "for-all")


async def test_two_consumers_share_the_partitions_and_count_each_event_once(bench: Bench) -> None:
    first, second = Recorder(bench.name), Recorder(bench.name)
    ids = [f"e-{number}" for number in range(200)]
    async with bench.consuming(first):
        await bench.send(*ids[:100])
        async with bench.consuming(second):
            await bench.send(*ids)
            await bench.until_noted(*ids)


async def test_an_owner_whose_offset_was_moved_is_undone_and_ends_after_three_times(bench: Bench) -> None:
    handler = Recorder(bench.name)
    committed: list[str] = []

    async def another_owner_moves(session: AsyncSession) -> None:
        if handler.batches[-1]:
            async with bench.sessions.begin() as other:
                await other.execute(
                    text("UPDATE consumer_offsets SET next_offset = next_offset - 1 WHERE consumer_group = :group AND next_offset > 0"),
                    {"group": bench.name},
                )
                committed.append("moved")

    async with bench.consuming(handler) as task:
        await bench.send("before")
        await bench.until_noted("before")
        handler.before_commit = another_owner_moves
        await bench.send("a")
        await asyncio.wait({task}, timeout=30)

    assert isinstance(task.exception(), StaleOwner)
    assert committed == ["moved"] * 3
    assert await bench.noted() == ["before"]


async def test_an_offset_outside_the_log_ends_the_consumer_with_the_command_that_mends_it(bench: Bench) -> None:
    handler = Recorder(bench.name)
    async with bench.consuming(handler):
        await bench.send("a")
        await bench.until_noted("a")
    async with bench.sessions.begin() as session:
        await session.execute(
            text("UPDATE consumer_offsets SET next_offset = next_offset + 1000000 WHERE consumer_group = :group"), {"group": bench.name}
        )

    async with bench.consuming(handler) as task:
        await asyncio.wait({task}, timeout=30)

    assert isinstance(error := task.exception(), ConfigurationError)
    assert f"lies outside the log: {FEEDBACK_EVENTS}" in str(error) or FEEDBACK_BACKFILL in str(error)
    assert f"seek {bench.name}" in str(error)


async def test_the_batch_in_flight_is_finished_before_the_consumer_ends(bench: Bench) -> None:
    handler = Recorder(bench.name)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> None:
        if handler.batches[-1]:
            begun.set()
            await may_end.wait()

    handler.before_commit = slow
    async with bench.consuming(handler):
        await bench.send("a")
        await asyncio.wait_for(begun.wait(), 30)
        asyncio.get_running_loop().call_later(0.5, may_end.set)

    assert await bench.noted() == ["a"]


async def test_the_watermark_of_a_silent_topic_goes_on(bench: Bench) -> None:
    query = text("SELECT min(watermark) FROM consumer_offsets WHERE consumer_group = :group AND topic = :topic")

    async def mark() -> Any:
        async with bench.sessions() as session:
            return (await session.execute(query, {"group": bench.name, "topic": FEEDBACK_EVENTS})).scalar_one()

    async with bench.consuming(Recorder(bench.name)):
        now = utc_now()
        async with asyncio.timeout(30):
            while (found := await mark()) is None or found < now:
                await asyncio.sleep(0.1)
