"""The consumer loop: batches in, one transaction a batch, the stored offset moved last in it.

The flow of a batch: `_fetch` (and decode) → held → `_process_held` → BatchProcessor (handle, dead letters, offsets) → commit. While one
batch waits for PostgreSQL the next ones are fetched, decoded and held; then nothing more is taken, but `getmany` is still called, never
under a timeout of asyncio's and never too rarely, because an idle member of a group may never come back into it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from shared.database.engine import Sessions
from shared.database.offsets import Move, Partition, StaleOwner, start_partitions, touch
from shared.database.sqlstates import typed_database_errors
from shared.errors import ConfigurationError, Unavailable
from shared.kafka.batch import BatchProcessor, Handler, Item
from shared.kafka.connection import client_arguments
from shared.kafka.dead_letters import SourceRecord
from shared.kafka.metrics import ConsumerMetrics
from shared.loops import Beat, backoff, stopped_within
from shared.settings import KafkaSettings

BATCH = 5000
HELD_BATCHES = 2
"""Batches that are decoded before their turn: with one alone this process would wait at the end of each transaction."""
POLL_MILLISECONDS = 200
GATHERED_BYTES = 256 * 1024
"""An answer of so many bytes is not held back to gather more."""
HEARTBEAT_SECONDS = 1.0
STALE_BATCHES_IN_A_ROW = 3
LAST_TURN_SECONDS = 2.0
LEAVE_SECONDS = 5.0
NO_PARTITION = TopicPartition("", 0)

Fetched = dict[TopicPartition, list[ConsumerRecord]]
log = structlog.get_logger()


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments. What aiokafka would swallow as an exception of a listener is done by the loop instead."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client
        self.count = 0

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        pass  # the stored offset fences what is still in flight

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.count += 1
        for partition in assigned:  # nothing is fetched before the loop has set the stored offsets
            self._client.pause(partition)
            self._client.seek(partition, 0)


class Consumer:
    """One consumer group's member: reads `live` topics, and `backfill` topics while the live ones have little to say."""

    name = "consumer"

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        group: str,
        live: Sequence[str],
        backfill: Sequence[str] = (),
        handler: Handler,
        sessions: Sessions,
        metrics: ConsumerMetrics,
        batch: int = BATCH,
        gather_milliseconds: int | None = None,
    ) -> None:
        """`batch` bounds the records of one transaction, which must stay far below `transaction_timeout` on any machine.

        Who need not act at once says how long the broker may gather records: many small answers cost more than what is in them.
        """
        self._kafka = kafka
        self._group = group
        self._live = frozenset(live)
        self._topics = [*live, *backfill]
        self._sessions = sessions
        self._metrics = metrics
        self._handler = handler
        self._batch = batch
        self._gathering = (
            {} if gather_milliseconds is None else {"fetch_min_bytes": GATHERED_BYTES, "fetch_max_wait_ms": gather_milliseconds}
        )
        self._positions: dict[Partition, int] = {}
        self._read_until: dict[Partition, datetime] = {}
        self._processing: asyncio.Task[None] | None = None
        self._taken = asyncio.Event()
        self._in_flight_items: Sequence[Item] = ()
        self._held: deque[Sequence[Item]] = deque()
        self._stale_in_a_row = 0
        self._owned_assignment = 0
        self._next_heartbeat = 0.0
        self._informing: asyncio.Task[None] | None = None

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Consume until `stop` is set, then finish the batch in flight.

        Waits for Kafka and PostgreSQL. Raises ConfigurationError when the stored offsets do not fit this cluster or its
        logs, StaleOwner after three lost batches in a row, and whatever is unforeseen.
        """
        while not stop.is_set():
            client = await self._connect(stop, beat)
            if client is None:
                return
            self._client = client
            self._processor = BatchProcessor(self._group, self._handler, self._sessions, self._metrics)
            try:
                self._cluster = await self._cluster_id()
                self._assignments = _Assignments(client)
                client.subscribe(self._topics, listener=self._assignments)
                await self._turn_until(stop, beat)
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("kafka is away", action="consumer_reconnecting", error=type(error).__name__)
            finally:
                await self._drain()

    async def _turn_until(self, stop: asyncio.Event, beat: Beat) -> None:
        """Turn until `stop` is set. Only then may a turn be cancelled: `getmany` blocks as long as a rebalance lasts."""

        async def turn() -> None:
            while not stop.is_set():
                beat()
                await self._turn()

        turning, stopped = asyncio.create_task(turn()), asyncio.create_task(stop.wait())
        await asyncio.wait((turning, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not turning.done() and not (await asyncio.wait({turning}, timeout=LAST_TURN_SECONDS))[0]:
            turning.cancel()
            await asyncio.wait({turning})
        if not turning.cancelled():
            turning.result()

    async def _turn(self) -> None:
        """Collect what processing came to, take up new partitions, see that what is held is processed, fetch, tell how far we are."""
        await self._collect()
        if self._assignments.count != self._owned_assignment:
            await self._take_over_partitions()
        elif self._held and self._processing is None:
            self._processing = asyncio.create_task(self._process_held())
        elif len(self._held) < HELD_BATCHES and (items := await self._fetch(wait=not self._held)):
            self._held.append(items)
        elif self._processing is not None:
            await self._wait_for_room()
        if time.monotonic() >= self._next_heartbeat:
            self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
            await self._heartbeat()

    async def _fetch(self, *, wait: bool) -> Sequence[Item]:
        """The next records, decoded, live ones first; backfill only when these do not fill the batch."""
        live = [p for p in self._client.assignment() if p.topic in self._live]
        rest = [p for p in self._client.assignment() if p.topic not in self._live]
        fetched: Fetched = {}
        try:
            if live:
                fetched |= await self._client.getmany(*live, timeout_ms=0, max_records=self._batch)
            room = self._batch - sum(map(len, fetched.values()))
            if rest and room:
                fetched |= await self._client.getmany(*rest, timeout_ms=0, max_records=room)
            if not fetched and wait:
                fetched = await self._client.getmany(timeout_ms=POLL_MILLISECONDS, max_records=self._batch)
        except OffsetOutOfRangeError as error:
            raise self._outside_the_log(error) from error
        items = self._accept(fetched)
        await self._processor.decode(items)
        return items

    def _accept(self, fetched: Fetched) -> Sequence[Item]:
        """Records as items; what lies before our position (fetched before a seek took effect) is passed over."""
        items = []
        for key, records in fetched.items():
            partition = Partition(key.topic, key.partition)
            position = self._positions.get(partition)
            if position is None:
                continue
            for record in records:
                if record.offset >= position:
                    items.append(Item(partition, _source(record), expected=position))
                    position = record.offset + 1
            self._positions[partition] = position
        return items

    async def _process_held(self) -> None:
        """Batch after batch, each begun as soon as the one before is committed, whatever the loop is fetching meanwhile."""
        while self._held:
            items = self._in_flight_items = self._held.popleft()
            self._taken.set()
            await self._processor.process(items, self._oldest_unread)
            self._in_flight_items, self._stale_in_a_row = (), 0
            for item in items:
                self._read_until[item.partition] = item.record.appended_at

    def _oldest_unread(self, partition: Partition, next_offset: int, read_until: datetime | None) -> datetime | None:
        """The append time of the first unread record of a partition; where that one is not fetched yet, the append time
        of the last one read, which is never later; None at the log's end."""
        end = self._end(partition)
        if end is not None and end <= next_offset:
            return None
        return next((i.record.appended_at for i in self._in_hand() if i.expected == next_offset and i.partition == partition), read_until)

    def _in_hand(self) -> Iterator[Item]:
        """What is read and not begun, in its order."""
        return chain.from_iterable(self._held)

    def _end(self, partition: Partition) -> int | None:
        """The offset after the log's last record, as the broker told it last; None while it has not."""
        key = TopicPartition(*partition)
        return self._client.highwater(key) if key in self._client.assignment() else None

    async def _collect(self) -> None:
        """Take what processing came to: it found nothing more to do, or a batch of it failed."""
        if self._processing is None or not self._processing.done():
            return
        task, self._processing, self._in_flight_items = self._processing, None, ()
        try:
            task.result()
        except StaleOwner as stale:
            self._metrics.stale.inc()
            self._stale_in_a_row += 1
            log.warning("batch undone", action="stale_owner", detail=str(stale), in_a_row=self._stale_in_a_row)
            if self._stale_in_a_row >= STALE_BATCHES_IN_A_ROW:
                raise
            self._owned_assignment = -1  # read the stored offsets again
        except Unavailable as unavailable:
            log.info("batch given up, it will be read again", action="batch_given_up", dependency=unavailable.dependency)

    async def _wait_for_room(self) -> None:
        """Enough is held: wait until the next batch is begun or all are done, and tell the group that we are still here.

        Records are asked of no partition, so that none is handed out; Kafka's own buffers are the back-pressure. (Paused
        partitions would do too, but aiokafka throws away what it has fetched for them.)
        """
        assert self._processing is not None
        self._taken.clear()
        begun = asyncio.create_task(self._taken.wait())
        await asyncio.wait({self._processing, begun}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        await self._client.getmany(NO_PARTITION, timeout_ms=0)

    async def _take_over_partitions(self) -> None:
        """After a rebalance or a lost batch: read the stored offsets, seek to them, and go on from there."""
        self._held.clear()
        if self._processing is not None:
            await self._wait_for_room()
            return
        count, assigned = self._assignments.count, self._client.assignment()
        try:
            stored = await self._stored_offsets(assigned)
        except Unavailable as unavailable:
            log.warning("waiting for stored offsets", action="consumer_waits", dependency=unavailable.dependency)
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._client.getmany(NO_PARTITION, timeout_ms=0)
            return
        if count != self._assignments.count:
            return
        self._positions = stored
        self._read_until = {}
        for partition, offset in stored.items():
            self._client.seek(TopicPartition(*partition), offset)
        self._client.resume(*assigned)
        self._owned_assignment = count
        log.info("partitions taken over", action="partitions_assigned", group=self._group, partitions=len(stored))

    async def _stored_offsets(self, assigned: set[TopicPartition]) -> dict[Partition, int]:
        if not assigned:
            return {}
        try:
            beginnings = await self._client.beginning_offsets(list(assigned))
        except KafkaError as error:
            raise Unavailable("kafka", type(error).__name__) from error
        starts = {Partition(p.topic, p.partition): offset for p, offset in beginnings.items()}
        with typed_database_errors():
            async with self._sessions.begin() as session:
                return await start_partitions(session, self._group, self._cluster, starts)

    async def _heartbeat(self) -> None:
        """Tell how far each partition is read, also when nothing comes, and let Kafka's own lag tools know it too."""
        moves, commits = [], {}
        unread = {item.partition: item for item in (*reversed(list(self._in_hand())), *reversed(self._in_flight_items))}
        for partition, position in self._positions.items():
            end = self._end(partition)
            if end is None:
                continue
            key, first = TopicPartition(*partition), unread.get(partition)
            done = position if first is None else first.expected
            oldest = self._read_until.get(partition) if first is None else first.record.appended_at
            polled_at = self._client.last_poll_timestamp(key)
            at_end = _instant(polled_at) if end <= done and polled_at else None
            self._metrics.lag.labels(*partition).set(max(0, end - done))
            moves.append(Move(partition, done, done, at_end, None if end <= done else oldest))
            commits[key] = done
        if not moves:
            return
        try:
            with typed_database_errors():
                async with self._sessions.begin() as session:
                    await touch(session, self._group, moves)
        except Unavailable as unavailable:
            log.warning("position not told", action="consumer_waits", dependency=unavailable.dependency)
        if self._informing is None or self._informing.done():
            self._informing = asyncio.create_task(self._inform(commits))

    async def _inform(self, offsets: dict[TopicPartition, int]) -> None:
        try:
            await self._client.commit(offsets)
        except KafkaError as error:
            log.info("kafka was not told the position", action="commit_for_information_failed", error=type(error).__name__)

    async def _connect(self, stop: asyncio.Event, beat: Beat) -> AIOKafkaConsumer | None:
        for pause in backoff():
            beat()
            client = AIOKafkaConsumer(
                **client_arguments(self._kafka, f"hearback-{self._group}"),
                **self._gathering,
                group_id=self._group,
                auto_offset_reset="none",
                enable_auto_commit=False,
                session_timeout_ms=int(self._kafka.session_timeout_seconds * 1000),
                heartbeat_interval_ms=int(self._kafka.session_timeout_seconds * 1000 / 5),
                max_poll_interval_ms=int(self._kafka.max_poll_interval_seconds * 1000),
            )
            try:
                await client.start()
                return client
            except KafkaConnectionError:
                log.warning("kafka is not reached yet", action="consumer_connecting")
                await client.stop()
            if await stopped_within(stop, pause):
                break
        return None

    async def _cluster_id(self) -> str:
        admin = AIOKafkaAdminClient(**client_arguments(self._kafka, f"hearback-{self._group}"))
        try:
            await admin.start()
            described = await admin.describe_cluster()
            return str(described["cluster_id"])
        finally:
            await admin.close()

    async def _drain(self) -> None:
        """Finish the batch in flight, give up what is held (nobody has acted on it), leave the group."""
        self._held.clear()
        self._positions, self._owned_assignment = {}, 0
        try:
            if self._processing is not None:
                self._processor.stop_waiting()
                await asyncio.wait({self._processing})
                await self._collect()
        finally:
            if self._informing is not None:
                self._informing.cancel()
            await self._leave()

    async def _leave(self) -> None:
        """Leave the group. While aiokafka joins one it cannot be stopped: then Kafka finds out by itself, at the session's end."""
        try:
            await asyncio.wait_for(self._client.stop(), LEAVE_SECONDS)
        except TimeoutError:
            log.warning("left the group without a word", action="consumer_left", group=self._group)

    def _outside_the_log(self, error: OffsetOutOfRangeError) -> ConfigurationError:
        partitions = ", ".join(f"{p.topic}/{p.partition} at {offset}" for p, offset in error.args[0].items())
        return ConfigurationError(
            f"the stored offset of {self._group} lies outside the log: {partitions}. Records were lost to retention or the topic was "
            f"made anew. Decide where to go on: hearback offsets seek {self._group} TOPIC --to beginning (or end)"
        )


@lru_cache(maxsize=1024)  # the records of one append bear one time
def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _source(record: ConsumerRecord) -> SourceRecord:
    return SourceRecord(
        record.topic, record.partition, record.offset, _instant(record.timestamp), record.key or b"", record.value or b"", record.headers
    )
