"""Where topics end at this moment."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.database.offsets import Partition
from shared.errors import Unavailable
from shared.kafka.connection import client_arguments
from shared.settings import KafkaSettings


async def log_ends(kafka: KafkaSettings, topics: Sequence[str]) -> dict[Partition, int]:
    """The offset after the last record of each partition of these topics. Raises Unavailable."""
    client = AIOKafkaConsumer(*topics, **client_arguments(kafka, "hearback-ends"), group_id=None, enable_auto_commit=False)
    try:
        await client.start()
        ends = await client.end_offsets(list(client.assignment()))
    except KafkaError as error:
        raise Unavailable("kafka", type(error).__name__) from error
    finally:
        await client.stop()
    return {Partition(partition.topic, partition.partition): end for partition, end in ends.items()}
