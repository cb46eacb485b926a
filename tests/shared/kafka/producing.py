"""A connected producer, the one of this process while it lives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.errors import Unavailable
from shared.kafka.producer import Producer
from shared.settings import KafkaSettings
from tests.shared.loops import running


@asynccontextmanager
async def connected(kafka: KafkaSettings, topics: Sequence[str], queue_bytes: int = 64 * 1024 * 1024) -> AsyncIterator[Producer]:
    """A producer that has reached Kafka."""
    producer = Producer(kafka, "test", topics, queue_bytes)
    try:
        async with running(producer):
            async with asyncio.timeout(20):
                while not _knows(producer, topics):
                    await asyncio.sleep(0.02)
            yield producer
    finally:
        await producer.close()


def _knows(producer: Producer, topics: Sequence[str]) -> bool:
    try:
        return [producer.partition_for(topic, b"") for topic in topics] != []
    except Unavailable:
        return False
