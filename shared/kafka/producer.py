"""The one producer of a process: a micro-batch per partition, each record's acknowledgement awaited by whoever sent it.

While a batch of a partition is on its way, what arrives for that partition becomes its next batch; what arrives while a batch
waits for the broker's answer to another partition's joins it. So there is no lingering when there is little to do, and there
are large batches when there is much. Idempotence is off: every reader deduplicates by id, and an
idempotent producer can wedge a partition when a request outlives its timeout.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.errors import Unavailable
from shared.kafka.connection import client_arguments
from shared.loops import Beat, backoff, stopped_within
from shared.observability.tracing import HEADER, Attributes, Span, recording, span
from shared.settings import KafkaSettings

BATCH_BYTES = 900_000  # below the brokers' default limit of 1 MiB for a request's batch
WAIT_SECONDS = 5.0
BEAT_SECONDS = 5.0

Headers = Sequence[tuple[str, bytes]]
log = structlog.get_logger()


class Record(msgspec.Struct, frozen=True, gc=False):
    """What will stand on Kafka."""

    key: bytes
    value: bytes
    headers: Headers = ()


class Ticket:
    """Records of one caller for one partition. `acknowledged` of them, from the first on, are in the log."""

    __slots__ = ("acknowledged", "deadline", "done", "handed_over", "records", "size")

    def __init__(self, records: Sequence[Record], done: asyncio.Future[None], deadline: float) -> None:
        self.records = records
        self.done = done
        self.deadline = deadline
        self.handed_over = 0
        self.acknowledged = 0
        self.size = sum(len(record.value) + len(record.key) for record in records)

    def fail(self, error: Exception) -> None:
        """Refuse the caller, unless it has its answer already."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # a caller that waits no longer is no news
            self.records = ()  # the lane may still hold the ticket for as long as its batch in flight takes

    def acknowledge(self, count: int) -> None:
        """The next `count` records are in the log."""
        self.acknowledged += count
        if self.acknowledged == len(self.records) and not self.done.done():
            self.done.set_result(None)


class Producer:
    """Sends with `acks=all`. Its loop connects; until then, and while Kafka is away, sending raises Unavailable.

    `topics` are those it will send to; their partitions are learnt before the first record. `queue_bytes` bounds what
    waits in memory when Kafka is slow; over it callers are refused at once.
    """

    name = "producer"
    running: ClassVar["Producer | None"] = None

    def __init__(self, kafka: KafkaSettings, client_id: str, topics: Sequence[str], queue_bytes: int = 64 * 1024 * 1024) -> None:
        self._kafka = kafka
        self._client_id = client_id
        self._topics = topics
        self._queue_bytes = queue_bytes
        self._queued = 0
        self._unanswered: deque[Ticket] = deque()
        self._refusing: asyncio.TimerHandle | None = None
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._partitions: dict[str, int] = {}
        """How many a topic has, asked again after each beat."""
        self._client: AIOKafkaProducer | None = None
        self._crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if Producer.running is not None:
            raise RuntimeError("a process has one producer; pass the running one on")
        Producer.running = self

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Connect, as long as it takes, and watch over the lanes until `stop` is set. Raises what is unforeseen in one."""
        await self._connect(stop, beat)
        stopped = asyncio.ensure_future(stop.wait())
        while not stopped.done() and not self._crashed.done():
            beat()
            self._partitions.clear()
            await asyncio.wait((stopped, self._crashed), timeout=BEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self._crashed.done():
            self._crashed.result()

    async def close(self) -> None:
        """Send what was handed over, drop the rest (its callers were or will be refused), and disconnect."""
        Producer.running = None
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
        if self._client is not None:
            await self._client.stop()

    def partition_for(self, topic: str, key: bytes) -> int:
        """The partition of a key: CRC-32 modulo the number of partitions, as librdkafka's `consistent` partitioner.

        Raises Unavailable while the topic's partitions are not known.
        """
        count = self._partitions.get(topic)
        if count is None:
            known = None if self._client is None else self._client.client.cluster.partitions_for_topic(topic)
            if not known:
                raise Unavailable("kafka", f"the partitions of {topic} are not known yet")
            count = self._partitions[topic] = len(known)
        return zlib.crc32(key) % count

    def submit(self, topic: str, partition: int, records: Sequence[Record]) -> Ticket:
        """Queue records for one partition. Await the ticket's `done`: it resolves when all are acknowledged, and raises
        Unavailable after five seconds, when what was not yet handed to the client library is dropped.

        Raises Unavailable when the queue is full or Kafka was not reached yet.
        """
        if self._client is None:
            raise Unavailable("kafka", "not connected yet")
        loop = asyncio.get_running_loop()
        ticket = Ticket(records, loop.create_future(), loop.time() + WAIT_SECONDS)
        if self._queued + ticket.size > self._queue_bytes:
            raise Unavailable("kafka", "too much is waiting to be sent")
        self._queued += ticket.size
        ticket.done.add_done_callback(lambda _: self._release(ticket))
        self._unanswered.append(ticket)
        if self._refusing is None:
            self._refusing = loop.call_at(ticket.deadline, self._refuse_late)
        if recording():
            _record_sending(topic, partition, ticket)
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[(topic, partition)] = _Lane(self._client, topic, partition, self._watch)
        lane.add(ticket)
        return ticket

    async def publish(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """Send one record and await its acknowledgement, at most five seconds. Raises Unavailable."""
        await self.submit(topic, self.partition_for(topic, key), (Record(key, value, headers),)).done

    def _release(self, ticket: Ticket) -> None:
        self._queued -= ticket.size
        while self._unanswered and self._unanswered[0].done.done():
            self._unanswered.popleft()

    def _refuse_late(self) -> None:
        """Refuse whoever has waited long enough. One timer for all tickets: one each would cost more than the rest of `submit`."""
        loop = asyncio.get_running_loop()
        while self._unanswered and self._unanswered[0].deadline <= loop.time():
            self._unanswered.popleft().fail(Unavailable("kafka", f"no acknowledgement within {WAIT_SECONDS:.0f} s"))
        self._refusing = loop.call_at(self._unanswered[0].deadline, self._refuse_late) if self._unanswered else None

    async def _connect(self, stop: asyncio.Event, beat: Beat) -> None:
        for pause in backoff(longest=2.0):
            beat()
            client = AIOKafkaProducer(
                **client_arguments(self._kafka, self._client_id),
                acks="all",
                enable_idempotence=False,
                max_batch_size=BATCH_BYTES,
                max_request_size=4 * BATCH_BYTES,
                metadata_max_age_ms=30_000,
            )
            try:
                await client.start()
                for topic in self._topics:
                    await client.partitions_for(topic)
            except KafkaError as error:
                log.warning("kafka is not reached yet", action="producer_connecting", error=type(error).__name__)
                await client.stop()
                if await stopped_within(stop, pause):
                    return
            else:
                self._client = client
                return

    def _watch(self, lane: asyncio.Task[None]) -> None:
        error = None if lane.cancelled() else lane.exception()
        if error is not None and not self._crashed.done():
            self._crashed.set_exception(error)


def _record_sending(topic: str, partition: int, ticket: Ticket) -> None:
    """A span until the acknowledgement, in the trace of the records; records of no trace begin none."""
    contexts = [value for record in ticket.records for name, value in record.headers if name == HEADER]
    if not contexts:
        return
    attributes: Attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.operation.name": "send",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.batch.message_count": len(ticket.records),
    }
    sending = span(f"send {topic}", "producer", contexts, attributes)
    ticket.done.add_done_callback(lambda done: _end(sending, done))


def _end(sending: Span, done: asyncio.Future[None]) -> None:
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if error is not None:
        sending.fail(type(error).__qualname__)
    sending.end()


class _Lane:
    """One partition's queue, with at most one batch on its way."""

    def __init__(self, client: AIOKafkaProducer, topic: str, partition: int, watch: Callable[[asyncio.Task[None]], None]) -> None:
        self._client = client
        self._watch = watch
        self._topic = topic
        self._partition = partition
        self._waiting: deque[Ticket] = deque()
        self._batch: BatchBuilder | None = None
        self._aboard: list[tuple[Ticket, int]] = []
        self._sending: asyncio.Task[None] | None = None

    def add(self, ticket: Ticket) -> None:
        self._waiting.append(ticket)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
            self._sending.add_done_callback(self._watch)
        elif self._batch is not None:
            self._board(self._batch)

    async def stop(self) -> None:
        while self._waiting:
            self._waiting.popleft().fail(Unavailable("kafka", "the service is stopping"))
        if self._sending is not None:
            await asyncio.wait({self._sending})

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_one_batch()
        finally:
            self._sending = None

    async def _send_one_batch(self) -> None:
        """Hand over a batch and await its acknowledgement. Until the client library takes it up, others may join it."""
        batch, self._aboard = self._client.create_batch(), []
        self._batch = batch
        self._board(batch)
        try:
            if batch.record_count():
                await (await self._client.send_batch(batch, self._topic, partition=self._partition))
        except KafkaError as error:
            self._fail(self._aboard, error)
        else:
            for ticket, count in self._aboard:
                ticket.acknowledge(count)
        finally:
            self._batch = None

    def _board(self, batch: BatchBuilder) -> None:
        """Put into the batch what waits, as far as it takes it."""
        if self._aboard and self._aboard[0][0].done.done():  # Kafka is away: do not fill it with what will be refused
            self._batch = None
        while self._waiting and self._batch is not None:
            ticket = self._waiting[0]
            if ticket.done.done():  # its caller has given up
                self._waiting.popleft()
                continue
            before = ticket.handed_over
            for record in ticket.records[before:]:
                if batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is None:
                    self._batch = None
                    break
                ticket.handed_over += 1
            if ticket.handed_over > before:
                self._aboard.append((ticket, ticket.handed_over - before))
            if ticket.handed_over == len(ticket.records):
                self._waiting.popleft()

    def _fail(self, aboard: Sequence[tuple[Ticket, int]], error: KafkaError) -> None:
        log.warning("a batch was not acknowledged", action="produce_failed", topic=self._topic, error=type(error).__name__)
        for ticket, _ in aboard:
            ticket.fail(Unavailable("kafka", type(error).__name__) if _may_pass(error) else error)


def _may_pass(error: KafkaError) -> bool:
    """Whether the same batch may be taken later; a record that is too large or not allowed never is."""
    return not isinstance(error, MessageSizeTooLargeError | TopicAuthorizationFailedError)
