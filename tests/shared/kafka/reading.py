"""What lies on a topic."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings

Mark = Mapping[TopicPartition, int]


async def mark(kafka: KafkaSettings, *topics: str) -> Mark:
    """The present ends of the topics: what is read from here on was written later."""
    async with _reader(kafka, topics) as client:
        ends: Mark = await client.end_offsets(list(client.assignment()))
        return ends


async def read(kafka: KafkaSettings, since: Mark) -> Sequence[ConsumerRecord]:
    """Everything between a mark and the present ends of its topics, partition by partition."""
    async with _reader(kafka, sorted({partition.topic for partition in since})) as client:
        ends: Mark = await client.end_offsets(list(client.assignment()))
        for partition, offset in since.items():
            client.seek(partition, offset)
        records: list[ConsumerRecord] = []
        while any([await client.position(partition) < end for partition, end in ends.items()]):
            for fetched in (await client.getmany(timeout_ms=100)).values():
                records += fetched
        return sorted(records, key=lambda record: (record.topic, record.partition, record.offset))


@asynccontextmanager
async def _reader(kafka: KafkaSettings, topics: Sequence[str]) -> AsyncIterator[AIOKafkaConsumer]:
    client = AIOKafkaConsumer(
        *topics, **client_arguments(kafka, "test-reader"), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await client.start()
        yield client
    finally:
        await client.stop()
