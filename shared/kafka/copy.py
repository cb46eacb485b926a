"""A compacted topic held in memory: read from its beginning, without a group, by every replica for itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.decoding import Event, decode
from shared.errors import InvalidEvent, Unavailable
from shared.kafka.connection import client_arguments
from shared.loops import Beat, backoff, stopped_within
from shared.settings import KafkaSettings

POLL_MILLISECONDS = 500
log = structlog.get_logger()


@dataclass(slots=True)
class _CatchUp:
    """Callers that want everything written before they asked."""

    done: asyncio.Future[None]
    ends: dict[TopicPartition, int] = field(default_factory=dict)


class TopicCopy:
    """The loop that feeds every record of one topic to `take`, and knows when the present end has been reached."""

    def __init__(self, kafka: KafkaSettings, topic: str, take: Callable[[Event], None]) -> None:
        self.name = f"copy of {topic}"
        self._kafka = kafka
        self._topic = topic
        self._take = take
        self._consumer: AIOKafkaConsumer | None = None
        self._asked: _CatchUp | None = None
        self._reading: asyncio.Task[None] | None = None
        self._advanced = asyncio.Event()
        self.complete = False
        """Whether the end that the topic had at the start has been reached."""

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Read until `stop` is set; begins again when Kafka was away."""
        pauses = backoff()
        while not stop.is_set():
            beat()
            consumer = AIOKafkaConsumer(
                self._topic,
                **client_arguments(self._kafka, "hearback-copy"),
                group_id=None,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
            )
            try:
                await consumer.start()
                if not consumer.assignment():
                    raise Unavailable("kafka", f"topic {self._topic} does not exist yet: run `hearback topics`")
                start = await consumer.end_offsets(list(consumer.assignment()))
                self._consumer = consumer
                pauses = backoff()
                await self._read(consumer, start, stop, beat)
            except (KafkaError, Unavailable) as error:
                log.warning("copy waits for kafka", action="copy_waits", topic=self._topic, detail=str(error))
                await stopped_within(stop, next(pauses))
            finally:
                self._consumer = None
                await consumer.stop()

    async def catch_up(self, seconds: float) -> None:
        """Wait until everything that stood in the topic when this was called has been taken.

        Callers share the reads: one at a time, the next one for all who came meanwhile. Raises Unavailable when the end
        is not reached within `seconds`.
        """
        if self._asked is None:
            self._asked = _CatchUp(asyncio.get_running_loop().create_future())
            if self._reading is None:
                self._reading = asyncio.create_task(self._serve_catch_ups())
        asked = self._asked
        await asyncio.wait({asked.done}, timeout=seconds)
        if not asked.done.done():
            raise Unavailable("kafka", f"the end of {self._topic} is not reached")
        asked.done.result()

    async def _serve_catch_ups(self) -> None:
        while (asked := self._asked) is not None:
            self._asked = None
            try:
                await self._reach_end()
            except (KafkaError, Unavailable):
                asked.done.set_exception(Unavailable("kafka", f"the end of {self._topic} cannot be read"))
                asked.done.exception()  # a caller that waits no longer is no news
            else:
                asked.done.set_result(None)
        self._reading = None

    async def _reach_end(self) -> None:
        consumer = self._consumer
        if consumer is None:
            raise Unavailable("kafka", f"{self._topic} is not connected")
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while not await _reached(consumer, ends):
            self._advanced.clear()
            await self._advanced.wait()
            if self._consumer is not consumer:
                raise Unavailable("kafka", f"{self._topic} was disconnected")

    async def _read(self, consumer: AIOKafkaConsumer, start: dict[TopicPartition, int], stop: asyncio.Event, beat: Beat) -> None:
        while not stop.is_set():
            beat()
            for records in (await consumer.getmany(timeout_ms=POLL_MILLISECONDS)).values():
                for record in records:
                    self._take_record(record.value)
            self.complete = self.complete or await _reached(consumer, start)
            self._advanced.set()

    def _take_record(self, value: bytes | None) -> None:
        try:
            self._take(decode(value or b""))
        except InvalidEvent as refused:
            log.error("record passed over", action="copy_refused", topic=self._topic, reason=refused.reason)


async def _reached(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    positions = [await consumer.position(partition) for partition in ends]
    return all(position >= end for position, end in zip(positions, ends.values(), strict=True))
