"""A log of four partitions in memory that fails where a test says so; it has the two methods of the producer that Events calls."""

import asyncio
import zlib
from collections.abc import Sequence

from shared.errors import Unavailable
from shared.kafka.producer import Record, Ticket

PARTITIONS = 4


class Partitions:
    """`refused` partitions take nothing into their queue; of what is sent to one in `acknowledged` only so many records arrive."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.topics: list[str] = []
        self.refused: set[int] = set()
        self.acknowledged: dict[int, int] = {}

    def partition_for(self, topic: str, key: bytes) -> int:
        return zlib.crc32(key) % PARTITIONS

    def submit(self, topic: str, partition: int, records: Sequence[Record]) -> Ticket:
        if partition in self.refused:
            raise Unavailable("kafka", "too much is waiting to be sent")
        ticket = Ticket(records, asyncio.get_running_loop().create_future(), deadline=0.0)
        arrived = records[: self.acknowledged.get(partition, len(records))]
        self.records += arrived
        self.topics += [topic] * len(arrived)
        ticket.acknowledge(len(arrived))
        if len(arrived) < len(records):
            ticket.fail(Unavailable("kafka", "no acknowledgement within 5 s"))
        return ticket
