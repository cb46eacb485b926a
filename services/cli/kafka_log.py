"""Reading Kafka's logs from a command: without a consumer group, so that nothing is moved by looking."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.errors import ConfigurationError, Unavailable
from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings


class Log(NamedTuple):
    """Some topics of a cluster: its id, all their partitions, and a client that belongs to no group."""

    cluster_id: str
    partitions: Sequence[TopicPartition]
    client: AIOKafkaConsumer


@asynccontextmanager
async def open_log(kafka: KafkaSettings, client_id: str, topics: Sequence[str]) -> AsyncIterator[Log]:
    """Raises ConfigurationError when the cluster lacks one of the topics, Unavailable when Kafka does not answer."""
    client = AIOKafkaConsumer(**client_arguments(kafka, client_id), group_id=None, enable_auto_commit=False)
    try:
        cluster_id, partitions = await _describe(kafka, client_id, topics)
        await client.start()
        yield Log(cluster_id, partitions, client)
    except KafkaError as error:
        raise Unavailable("kafka", f"{type(error).__name__} at {kafka.bootstrap}") from error
    finally:
        await client.stop()


async def _describe(kafka: KafkaSettings, client_id: str, topics: Sequence[str]) -> tuple[str, list[TopicPartition]]:
    admin = AIOKafkaAdminClient(**client_arguments(kafka, client_id))
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    numbers = {topic["topic"]: [one["partition"] for one in topic["partitions"]] for topic in described if not topic["error_code"]}
    missing = [topic for topic in topics if topic not in numbers]
    if missing:
        raise ConfigurationError(f"this Kafka has no topic {', '.join(missing)}: run `hearback topics create`")
    return str(cluster["cluster_id"]), [TopicPartition(topic, number) for topic in topics for number in sorted(numbers[topic])]
