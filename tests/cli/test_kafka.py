"""Kafka of the local stack: it keeps what it acknowledged, whatever happens to its process."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.servers import KafkaServer

TOPIC = "stack.survives.v1"


async def test_what_was_acknowledged_is_still_there_after_a_kill(kafka_server: KafkaServer) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, acks="all") as producer:
        await producer.send_and_wait(TOPIC, b"heard")
    killed = kafka_server.pid

    kafka_server.kill()
    await kafka_server.restart()

    assert kafka_server.pid != killed
    async with AIOKafkaConsumer(bootstrap_servers=kafka_server.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(TOPIC, 0)])
        assert (await consumer.getone()).value == b"heard"
