"""A log of four partitions in memory that fails where a test says so; it has the two methods of the producer that Events calls."""

import asyncio
import zlib
from collections.abc import Sequence

from shared.errors import Unavailable
from shared.kafka.producer import Record, Ticket

PARTITIONS = 4


class Partitions:
    """`refused` partitions take nothing into their queue; of what is sent to one in `acknowledged` only so many records arrive.
    From `refuses_after` records on nothing is taken, acknowledgements wait for `waits`, and a log that `forgets` keeps no records."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.topics: list[str] = []
        self.refused: set[int] = set()
        self.acknowledged: dict[int, int] = {}
        self.refuses_after: int | None = None
        self.waits: asyncio.Event | None = None
        self.forgets = False
        self._later: list[asyncio.Task[None]] = []

    async def _acknowledge(self, ticket: Ticket, count: int, when: asyncio.Event) -> None:
        await when.wait()
        ticket.acknowledge(count)

    def partition_for(self, topic: str, key: bytes) -> int:
        return zlib.crc32(key) % PARTITIONS

    def submit(self, topic: str, partition: int, records: Sequence[Record]) -> Ticket:
        if partition in self.refused or (self.refuses_after is not None and len(self.records) >= self.refuses_after):
            raise Unavailable("kafka", "too much is waiting to be sent")
        ticket = Ticket(records, asyncio.get_running_loop().create_future(), deadline=0.0)
        arrived = records[: self.acknowledged.get(partition, len(records))]
        if not self.forgets:
            self.records += arrived
            self.topics += [topic] * len(arrived)
        if self.waits is None:
            ticket.acknowledge(len(arrived))
        else:
            self._later.append(asyncio.create_task(self._acknowledge(ticket, len(arrived), self.waits)))
        if len(arrived) < len(records):
            ticket.fail(Unavailable("kafka", "no acknowledgement within 5 s"))
        return ticket
