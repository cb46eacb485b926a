"""What happens to a batch of records: decoded, handled in one transaction with the move of the offsets, poison set aside.

A batch that fails on data is bisected until the record that can never succeed stands alone; that one becomes a dead
letter through the outbox, and the others are processed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.engine import Sessions
from shared.database.offsets import Move, Partition, advance
from shared.database.outbox import enqueue
from shared.database.sqlstates import typed_database_errors
from shared.errors import InvalidEvent, Unavailable
from shared.kafka.dead_letters import Headers, SourceRecord, dead_letter, is_for
from shared.kafka.metrics import ConsumerMetrics
from shared.loops import backoff, in_turns, stopped_within
from shared.observability.tracing import HEADER, Attributes, Span, recording, span

DECODED_AT_ONCE = 25

OldestUnread = Callable[[Partition, int, datetime | None], datetime | None]
log = structlog.get_logger()


class Received(msgspec.Struct):
    """What a handler read of a record (its event, unless it says otherwise), and where that stood; `appended_at` is the broker's time.

    `traceparent` is the trace that the event belongs to; what a handler sends because of it alone carries it on, and what it sends
    because of several carries on that of the batch.
    """

    event: Any
    topic: str
    partition: int
    offset: int
    appended_at: datetime
    traceparent: bytes | None = None
    headers: Headers = ()


class Handler(Protocol):
    """What a service does with events."""

    def read(self, value: bytes | None) -> Any:
        """What `apply` needs of one record, worked out while PostgreSQL is busy with the batch before. Raises InvalidEvent."""

    async def apply(self, session: AsyncSession, batch: Sequence[Received]) -> None:
        """Change state and write outbox rows, inside the batch's transaction; decide by `seen` what is new.

        Never commits. Raises InvalidEvent when data can never be processed.
        """


class Item(msgspec.Struct):
    """A record on its way through: `expected` is the stored offset before it, `event` what is read of it, `received` what is handled."""

    partition: Partition
    record: SourceRecord
    expected: int
    event: Any = None
    received: Received | None = None
    refusal: InvalidEvent | None = None


class BatchProcessor:
    """Takes batches of one consumer group to their commit, waiting for PostgreSQL as long as it takes."""

    def __init__(self, group: str, handler: Handler, sessions: Sessions, metrics: ConsumerMetrics) -> None:
        self._group = group
        self._handler = handler
        self._sessions = sessions
        self._metrics = metrics
        self._stop = asyncio.Event()

    def stop_waiting(self) -> None:
        """Give up a batch that waits for a dependency: it is not committed and will be read again."""
        self._stop.set()

    async def decode(self, items: Sequence[Item]) -> None:
        """Read what the records say, without holding up a batch in flight. A record for another group, or unreadable, has no event."""
        async for first in in_turns(range(0, len(items), DECODED_AT_ONCE)):
            for item in items[first : first + DECODED_AT_ONCE]:
                if is_for(self._group, item.record.headers):
                    try:
                        item.event = self._handler.read(item.record.value)
                    except InvalidEvent as refused:
                        item.refusal = refused

    async def process(self, items: Sequence[Item], oldest_unread: OldestUnread) -> None:
        """Handle and commit all of `items`, which are decoded. Raises StaleOwner when another replica owns a partition by now."""
        with self._span(items) as batch:
            for item in items:
                if item.event is not None:
                    item.received = _received(item.event, item.record, batch)
            await self._settle(items, oldest_unread)

    def _span(self, items: Sequence[Item]) -> Span:
        """The span of a batch: in the trace of its first sampled event, linked to those of the others."""
        if not recording():
            return Span(None)
        topics = {item.record.topic for item in items}
        attributes: Attributes = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": " ".join(sorted(topics)),
            "messaging.consumer.group.name": self._group,
            "messaging.batch.message_count": len(items),
        }
        return span(
            f"process {attributes['messaging.destination.name']}", "consumer", (_trace_of(item.record) for item in items), attributes
        )

    async def _settle(self, items: Sequence[Item], oldest_unread: OldestUnread) -> None:
        """Commit all of `items`, in their order: in one transaction, or in smaller ones where that one fails.

        Fewer are tried whatever kept PostgreSQL from it: one that it ended because it took too long would take as long the next time, and
        cannot always be told from a lost connection.
        """
        left, pauses = [items], backoff()
        waited_for: set[str] = set()
        try:
            while left:
                portion = left.pop()
                try:
                    with typed_database_errors():
                        await self._commit(portion, oldest_unread)
                except InvalidEvent as refused:
                    left += _nearer_to_poison(portion, refused)
                except Unavailable as unavailable:
                    log.warning("consumer waits", action="consumer_waits", dependency=unavailable.dependency, detail=unavailable.detail)
                    waited_for.add(unavailable.dependency)
                    self._metrics.waiting.labels(unavailable.dependency).set(1)
                    if await stopped_within(self._stop, next(pauses)):
                        raise
                    left += _cut(portion, len(portion) // 2)
        finally:
            for dependency in waited_for:
                self._metrics.waiting.labels(dependency).set(0)

    async def _commit(self, items: Sequence[Item], oldest_unread: OldestUnread) -> None:
        dead = [item for item in items if item.refusal is not None]
        async with self._sessions.begin() as session:
            received = [item.received for item in items if item.received is not None]
            if received:
                await self._handler.apply(session, received)
            await enqueue(session, [dead_letter(item.record, self._group, str(item.refusal)) for item in dead])
            await advance(session, self._group, _moves(items, oldest_unread))
        self._tell(items, dead)

    def _tell(self, items: Sequence[Item], dead: Sequence[Item]) -> None:
        now = time.time()
        oldest = {item.record.topic: item.record.appended_at for item in reversed(items)}
        for topic, count in Counter(item.record.topic for item in items).items():
            self._metrics.records.labels(topic).inc(count)
            self._metrics.lateness.labels(topic).observe(max(0.0, now - oldest[topic].timestamp()))
        for item in dead:
            assert item.refusal is not None
            self._metrics.dead_letters.labels(item.record.topic, item.refusal.reason).inc()
            log.error("record set aside", action="dead_letter", reason=item.refusal.reason, topic=item.record.topic,
                      partition=item.record.partition, offset=item.record.offset)  # fmt: skip


def _cut(items: Sequence[Item], at: int) -> list[Sequence[Item]]:
    """Both parts of `items`, the one to take first last; one alone stays whole."""
    return [items[at:], items[:at]] if at else [items]


def _nearer_to_poison(items: Sequence[Item], refused: InvalidEvent) -> list[Sequence[Item]]:
    """Halves of what is handled of `items`, or all of them when one alone was and is set aside now."""
    handled = [item for item in items if item.received is not None]
    if not handled:
        raise RuntimeError("a batch without events was refused as data") from refused
    if len(handled) > 1:
        return _cut(items, items.index(handled[len(handled) // 2]))
    handled[0].received, handled[0].refusal = None, refused
    return [items]


def _received(event: Any, record: SourceRecord, batch: Span) -> Received:
    trace = batch.carries(_trace_of(record))
    return Received(event, record.topic, record.partition, record.offset, record.appended_at, trace, record.headers)


def _trace_of(record: SourceRecord) -> bytes | None:
    return next((value for name, value in record.headers if name == HEADER), None) if record.headers else None


def _moves(items: Sequence[Item], oldest_unread: OldestUnread) -> list[Move]:
    first = {item.partition: item for item in reversed(items)}
    last = {item.partition: item for item in items}
    return [
        Move(
            partition,
            first[partition].expected,
            item.record.offset + 1,
            item.record.appended_at,
            oldest_unread(partition, item.record.offset + 1, item.record.appended_at),
        )
        for partition, item in last.items()
    ]
