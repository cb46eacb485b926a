"""`hearback dead-letters` and `hearback offsets` on a real Kafka."""

import asyncio
import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from pydantic import SecretStr
from sqlalchemy import text

from services.cli.dead_letters import DeadLetter, NewestAttempts, Place, Wanted, replay
from services.cli.offsets import End, seek
from shared.contracts.topics import FEEDBACK_EVENTS, SURVEYS_REQUESTS, TEXT_ANALYSED, TOPICS
from shared.database.engine import create_engine
from shared.database.migrations import upgrade
from shared.errors import ConfigurationError
from shared.kafka.dead_letters import SourceRecord, dead_letter
from shared.kafka.topics import ensure_topics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.cli.installation import Installation
from tests.servers import KafkaServer, PostgresServer

SECRET = "王小明 wrote this"


@pytest_asyncio.fixture
async def installation(kafka_server: KafkaServer, tmp_path: Path) -> Installation:
    """A stack of which only Kafka runs."""
    await ensure_topics(KafkaSettings(bootstrap=kafka_server.bootstrap))
    return Installation.make(tmp_path, kafka_server.bootstrap)


@pytest.fixture
def group() -> str:
    """A consumer of this test alone; no service has its name, so that a replay changes nothing for other tests."""
    return f"test-{uuid4().hex}"


def failed(topic: str, partition: int, offset: int, value: str, key: str = "acme:c-1", attempt: int = 0) -> SourceRecord:
    """A record that a consumer read; one with `attempt` had been replayed before."""
    headers = [("traceparent", b"00-1-2-01")] + ([("hearback-attempt", str(attempt).encode())] if attempt else [])
    return SourceRecord(topic, partition, offset, datetime.now(UTC), key.encode(), value.encode(), headers)


async def set_aside(kafka: KafkaServer, group: str, *records: SourceRecord, reason: str = "refused_by_database_22003") -> None:
    """What the relay of a consumer's service writes."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for record in records:
        letter = dead_letter(record, group, reason)
        await producer.send_and_wait(letter.topic, letter.value, letter.key, headers=list(letter.headers))
    await producer.stop()


async def written_for(kafka: KafkaServer, topic: str, group: str) -> list[ConsumerRecord]:
    """Every record of a topic that only `group` shall read."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=None, enable_auto_commit=False)
    await consumer.start()
    partitions = [TopicPartition(topic, number) for number in range(TOPICS[topic].partitions)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends = await consumer.end_offsets(partitions)
    found: list[ConsumerRecord] = []
    for partition in partitions:
        while await consumer.position(partition) < ends[partition]:
            for records in (await consumer.getmany(partition, timeout_ms=200)).values():
                found += [record for record in records if ("hearback-only", group.encode()) in record.headers]
    await consumer.stop()
    return found


async def test_the_list_says_what_failed_where_and_why_and_hides_what_customers_wrote(
    installation: Installation, kafka_server: KafkaServer, group: str
) -> None:
    await set_aside(kafka_server, group, failed(FEEDBACK_EVENTS, 3, 1042, SECRET), failed(TEXT_ANALYSED, 0, 7, SECRET, attempt=2))

    told = await installation.told("dead-letters", "list", "--consumer", group)
    of_one_topic = await installation.told("dead-letters", "list", "--consumer", group, "--topic", TEXT_ANALYSED)
    shown = await installation.told("dead-letters", "list", "--consumer", group, "--show")
    table = await installation.call("dead-letters", "list", "--consumer", group)

    assert [(t["consumer"], t["reason"], t["record"], t["attempt"]) for t in told] == [
        (group, "refused_by_database_22003", f"{FEEDBACK_EVENTS}/3/1042", 1),
        (group, "refused_by_database_22003", f"{TEXT_ANALYSED}/0/7", 3),
    ]
    assert abs((datetime.now(UTC) - datetime.fromisoformat(told[0]["at"])).total_seconds()) < 60
    assert SECRET not in json.dumps(told, ensure_ascii=False)
    assert [t["record"] for t in of_one_topic] == [f"{TEXT_ANALYSED}/0/7"]
    assert [t["content"] for t in shown] == [SECRET, SECRET]
    assert f"{FEEDBACK_EVENTS}/3/1042" in table.stdout
    assert SECRET not in table.stdout


async def test_a_replay_writes_the_same_bytes_to_the_partition_of_their_key_for_the_consumer_that_failed(
    installation: Installation, kafka_server: KafkaServer, group: str
) -> None:
    keys = [f"acme:c-{number}" for number in range(30)]
    await set_aside(kafka_server, group, *(failed(SURVEYS_REQUESTS, 0, offset, f"{SECRET} {key}", key) for offset, key in enumerate(keys)))
    await set_aside(kafka_server, f"{group}-other", failed(SURVEYS_REQUESTS, 0, 0, "not meant"))

    done = await installation.call("dead-letters", "replay", "--consumer", group)

    records = await written_for(kafka_server, SURVEYS_REQUESTS, group)
    assert (done.returncode, done.stdout) == (0, "replayed 30 dead letters\n")
    assert sorted((record.key.decode(), record.value.decode()) for record in records) == sorted((k, f"{SECRET} {k}") for k in keys)
    assert all(record.partition == zlib.crc32(record.key) % TOPICS[SURVEYS_REQUESTS].partitions for record in records)
    assert {record.partition for record in records} == {0, 1, 2}
    assert all(dict(r.headers) == {"traceparent": b"00-1-2-01", "hearback-only": group.encode(), "hearback-attempt": b"1"} for r in records)
    assert await written_for(kafka_server, SURVEYS_REQUESTS, f"{group}-other") == []


async def test_one_record_is_replayed_by_its_place_and_only_as_often_as_it_failed_last(
    installation: Installation, kafka_server: KafkaServer, group: str
) -> None:
    first, second = failed(SURVEYS_REQUESTS, 1, 5, "poison"), failed(SURVEYS_REQUESTS, 1, 6, "other")
    again = failed(SURVEYS_REQUESTS, 1, 90, "poison", attempt=1)
    await set_aside(kafka_server, group, first, first, second, again)

    by_place = await installation.call("dead-letters", "replay", "--consumer", group, "--record", f"{SURVEYS_REQUESTS}/1/6")
    rest = await installation.call("dead-letters", "replay", "--consumer", group)
    nothing = await installation.call("dead-letters", "replay", "--record", f"{SURVEYS_REQUESTS}/1/999999")

    assert by_place.stdout == "replayed 1 dead letters\n"
    assert rest.stdout == "replayed 2 dead letters\n"
    records = await written_for(kafka_server, SURVEYS_REQUESTS, group)
    assert sorted((record.value, dict(record.headers)["hearback-attempt"]) for record in records) == [
        (b"other", b"1"), (b"other", b"1"), (b"poison", b"2"),
    ]  # fmt: skip
    assert (nothing.returncode, nothing.stderr) == (2, f"hearback: no dead letter came from {SURVEYS_REQUESTS}/1/999999\n")


@pytest.mark.parametrize(
    ("record", "says"), [(None, "--record, --topic, --consumer or --all"), ("a.v1/3", "must be TOPIC/PARTITION/OFFSET")]
)
def test_an_unclear_replay_is_refused_in_one_line(record: str | None, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        replay(record=record)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wanted", [Wanted(topic="access.v1"), Wanted(record=Place("access.v1", 0, 0))])
def test_a_topic_without_dead_letters_is_refused(wanted: Wanted) -> None:
    with pytest.raises(ConfigurationError, match=r"no dead letters can come from access\.v1: it must be one of feedback\.events\.v1"):
        wanted.dead_topics()


async def test_a_kafka_that_is_away_is_one_line(tmp_path: Path) -> None:
    away = Installation.make(tmp_path, "127.0.0.1:9")

    done = await away.call("dead-letters", "list")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("hearback: kafka: ")
    assert "Traceback" not in done.stderr


def test_of_equal_records_the_last_attempt_counts_for_each_consumer() -> None:
    newest = NewestAttempts()

    def letter(offset: int, consumer: str, attempt: int, value: bytes = b"v") -> DeadLetter:
        place, source = Place("t.dead", 0, offset), Place("t", 0, offset)
        return DeadLetter(place, datetime.now(UTC), consumer, "why", source, attempt, b"k", value, ())

    for offset, (consumer, attempt, value) in enumerate(
        [("scoring", 1, b"v"), ("scoring", 3, b"v"), ("scoring", 2, b"v"), ("closed_loop", 1, b"v"), ("scoring", 1, b"w")]
    ):
        newest.add(letter(offset, consumer, attempt, value))

    assert {place.offset for place in newest.places} == {1, 3, 4}
    assert newest.sources == {"t"}


async def test_a_stored_offset_is_set_to_either_end_of_the_log(
    kafka_server: KafkaServer, postgres_server: PostgresServer, installation: Installation
) -> None:
    url = await postgres_server.create_database("hearback_seek")
    database = DatabaseSettings(url=SecretStr(url))
    await asyncio.to_thread(upgrade, "ingest", database)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap)
    await producer.start()
    written = await producer.send_and_wait(SURVEYS_REQUESTS, b"not an event", partition=2, headers=[("hearback-only", b"nobody")])
    await producer.stop()
    seek_to = ("offsets", "seek", "ingest-surveys", SURVEYS_REQUESTS, "--to")

    to_end = await installation.call(*seek_to, "end", HEARBACK_INGEST_DATABASE_URL=url)
    at_end = await _stored(database)
    to_start = await installation.call(*seek_to, "beginning", HEARBACK_INGEST_DATABASE_URL=url)
    at_start = await _stored(database)

    assert to_end.returncode == to_start.returncode == 0, to_end.stderr + to_start.stderr
    assert f"ingest-surveys: {SURVEYS_REQUESTS}/2 goes on at {at_end[2]}, the end of the log" in to_end.stdout
    assert sorted(at_end) == list(range(TOPICS[SURVEYS_REQUESTS].partitions))
    assert at_end[2] >= written.offset + 1
    assert set(at_start.values()) == {0}


@pytest.mark.parametrize(("group", "topic"), [("ingest", FEEDBACK_EVENTS), ("scoring", "feedback.v1")])
def test_an_unknown_group_or_topic_is_refused(group: str, topic: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no"):
        seek(group, topic, End.END)


async def _stored(database: DatabaseSettings) -> dict[int, int]:
    engine = create_engine(database, "test")
    async with engine.connect() as connection:
        rows = await connection.execute(text("SELECT partition, next_offset FROM consumer_offsets WHERE consumer_group = 'ingest-surveys'"))
        stored = {row.partition: row.next_offset for row in rows}
    await engine.dispose()
    return stored
