"""Reading Kafka's logs from a command: without a consumer group, so that nothing is moved by looking."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.errors import ConfigurationError, Unavailable
from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings


@asynccontextmanager
async def open_log(kafka: KafkaSettings, client_id: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that belongs to no group. Raises Unavailable when Kafka does not answer."""
    consumer = AIOKafkaConsumer(**client_arguments(kafka, client_id), group_id=None, enable_auto_commit=False)
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise Unavailable("kafka", f"{type(error).__name__} at {kafka.bootstrap}") from error
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """Every partition of these topics. Raises ConfigurationError when the cluster has no such topic."""
    await consumer.topics()  # asks the cluster; what the client knows of itself are only topics that it reads
    found: list[TopicPartition] = []
    for topic in topics:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise ConfigurationError(f"this Kafka has no topic {topic}: run `hearback topics create`")
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    return found
