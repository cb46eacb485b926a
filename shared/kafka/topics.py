"""Makes the topics that the table of the contracts names, and says where a cluster differs from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.errors import ConfigurationError, Unavailable
from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings

VISIBLE_WITHIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic of the table as the cluster has it: `partitions` now, `wanted` by table and settings, made just now or not."""

    name: str
    partitions: int
    wanted: int
    created: bool


async def ensure_topics(kafka: KafkaSettings) -> Sequence[TopicState]:
    """Create the topics that are missing and return all, in the table's order.

    Existing topics are left as they are: more partitions are a decision with consequences for order (see the runbook).
    Raises Unavailable when Kafka does not answer, ConfigurationError when it refuses a topic.
    """
    admin = AIOKafkaAdminClient(**client_arguments(kafka, "hearback-topics"))
    try:
        await admin.start()
        existing = await _partitions(admin)
        missing = [topic for topic in TOPICS.values() if topic.name not in existing]
        if missing:
            _check_created(await admin.create_topics([_new_topic(topic, kafka) for topic in missing]))
            existing = await _wait_until_visible(admin)
    except KafkaError as error:
        raise Unavailable("kafka", f"{type(error).__name__} at {kafka.bootstrap}") from error
    finally:
        await admin.close()
    made = {topic.name for topic in missing}
    return [TopicState(t.name, existing[t.name], _wanted_partitions(t, kafka), t.name in made) for t in TOPICS.values()]


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    described = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def _wait_until_visible(admin: AIOKafkaAdminClient) -> dict[str, int]:
    for _ in range(int(VISIBLE_WITHIN_SECONDS / 0.1)):
        existing = await _partitions(admin)
        if TOPICS.keys() <= existing.keys():
            return existing
        await asyncio.sleep(0.1)
    raise Unavailable("kafka", "the new topics do not become visible")


def _wanted_partitions(topic: Topic, kafka: KafkaSettings) -> int:
    return kafka.topic_partitions.get(topic.name, topic.partitions)


def _new_topic(topic: Topic, kafka: KafkaSettings) -> NewTopic:
    configuration = {**topic.configuration(), "min.insync.replicas": str(kafka.min_insync_replicas)}
    return NewTopic(topic.name, _wanted_partitions(topic, kafka), kafka.replication, topic_configs=configuration)


def _check_created(response: object) -> None:
    for name, code, *message in response.topic_errors:  # type: ignore[attr-defined]
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise ConfigurationError(f"Kafka refuses to make topic {name}: {message[0] if message else error.__name__}")
