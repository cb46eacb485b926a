"""The outbox: events leave a service only as rows of the transaction that made them true, and the relay that sends them.

The relay reads what is there (positions are not commit order, so never "greater than the last"), awaits every
acknowledgement, deletes what is out, and leaves a partition alone from its first failure on. What a relay sent without
having deleted it is sent again: readers take duplicates.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import Clock
from shared.database.leadership import keep_alive_while, lead
from shared.database.metadata import new_metadata
from shared.database.rows import copy_rows
from shared.errors import Unavailable
from shared.loops import Beat, any_within, backoff, stopped_within
from shared.observability.tracing import HEADER, current_traceparent
from shared.settings import DatabaseSettings

CHANNEL = "hearback_outbox"
BATCH = 1000
POLL_SECONDS = 1.0

Headers = Sequence[tuple[str, bytes]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """One Kafka record to be: topic, key, value and headers, exactly as they will stand there."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers = field(default=())


_OUTBOX = new_metadata().tables["outbox"]


async def enqueue(session: AsyncSession, records: Sequence[OutboxRecord]) -> None:
    """Put records into the outbox, in this order. Does not commit; the relay is woken by the commit.

    Insert after the lock on the aggregate's row: positions then follow the aggregate's own order. A record that names no trace
    belongs to the one in which it is put in.
    """
    if not records:
        return
    rows = []
    for record in records:
        headers = _traced(record.headers)
        rows.append({"topic": record.topic, "key": record.key, "value": record.value,
                     "header_names": [name for name, _ in headers], "header_values": [value for _, value in headers]})  # fmt: skip
    await session.execute(text(f"NOTIFY {CHANNEL}"))
    await copy_rows(await session.connection(), _OUTBOX, rows)


def _traced(headers: Headers) -> Headers:
    current = current_traceparent.get()
    if current is None or any(name == HEADER for name, _ in headers):
        return headers
    return (*headers, (HEADER, current))


class Sink(Protocol):
    """Where the relay sends to: shared.kafka.producer.Producer."""

    def partition_for(self, topic: str, key: bytes) -> int: ...

    async def publish(self, topic: str, key: bytes, value: bytes, headers: Headers = ()) -> None: ...


class RelayMetrics(Protocol):
    """What the relay tells: the delay of each record from its transaction to its acknowledgement, and how many wait."""

    def relayed(self, delay_seconds: float) -> None: ...

    def waiting(self, records: int) -> None: ...


class Relay:
    """The loop that empties the outbox of one database; any replica may run it, one at a time does."""

    name = "relay"

    def __init__(self, database: DatabaseSettings, sink: Sink, metrics: RelayMetrics, clock: Clock) -> None:
        self._database = database
        self._sink = sink
        self._metrics = metrics
        self._clock = clock

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Relay until `stop` is set. Raises what is unforeseen; waits for Kafka and PostgreSQL."""
        await lead(self._database, "relay", self._relay, stop, beat)

    async def _relay(self, connection: asyncpg.Connection, stop: asyncio.Event, beat: Beat) -> None:
        woken = asyncio.Event()
        await connection.add_listener(CHANNEL, lambda *_: woken.set())
        pauses = backoff()
        while not stop.is_set():
            beat()
            woken.clear()
            rows = await connection.fetch("SELECT * FROM outbox ORDER BY position LIMIT $1", BATCH)
            self._metrics.waiting(len(rows))
            if not rows:
                await any_within(POLL_SECONDS, woken, stop)
            elif await self._send(connection, rows, beat):
                pauses = backoff()
            elif await stopped_within(stop, next(pauses)):
                return

    async def _send(self, connection: asyncpg.Connection, rows: Sequence[asyncpg.Record], beat: Beat) -> bool:
        """Send `rows`, delete those that are out, and say whether all are."""
        lanes: dict[tuple[str, int], list[asyncpg.Record]] = {}
        for row in rows:
            lanes.setdefault((row["topic"], self._sink.partition_for(row["topic"], row["key"])), []).append(row)
        sending = asyncio.gather(*(self._send_lane(lane) for lane in lanes.values()))
        await keep_alive_while(connection, sending, beat)
        sent = [row for lane in sending.result() for row in lane]
        await connection.execute("DELETE FROM outbox WHERE position = ANY($1::bigint[])", [row["position"] for row in sent])
        now = self._clock()
        for row in sent:
            self._metrics.relayed(_seconds(row["created_at"], now))
        return len(sent) == len(rows)

    async def _send_lane(self, rows: Sequence[asyncpg.Record]) -> Sequence[asyncpg.Record]:
        """Send the rows of one partition in order; returns those before the first failure."""
        results = await asyncio.gather(
            *(
                self._sink.publish(r["topic"], r["key"], r["value"], list(zip(r["header_names"], r["header_values"], strict=True)))
                for r in rows
            ),
            return_exceptions=True,
        )
        for index, result in enumerate(results):
            if isinstance(result, Unavailable):
                log.warning("outbox waits", action="relay_waits", topic=rows[0]["topic"], detail=result.detail)
                return rows[:index]
            if isinstance(result, BaseException):
                raise result
        return rows


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
