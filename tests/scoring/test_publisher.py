"""The publisher on a real database and, at the end, a real Kafka."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.scoring.consumer import ScoringHandler
from services.scoring.domain.observations import observation
from services.scoring.publisher import Publisher, PublisherMetrics
from services.scoring.sources import GROUP, LIVE
from services.scoring.wanted import WantedSeries
from shared.clock import utc_now
from shared.contracts.decoding import Event, decode
from shared.contracts.topics import FEEDBACK_EVENTS, METRICS_UPDATED
from shared.database.engine import Sessions
from shared.database.offsets import Move, Partition, advance, start_partitions
from shared.database.outbox import Headers
from shared.errors import Unavailable
from shared.kafka.batch import Received
from shared.kafka.producer import Producer
from shared.kafka.topics import ensure_topics
from shared.settings import KafkaSettings
from tests.scoring.events import event
from tests.servers import KafkaServer

OVERLAP = timedelta(seconds=20)
WATERMARK = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


class Topic:
    """Where samples go in these tests. It can refuse, and stop answering as Kafka does."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, Event]] = []
        self.away = False

    async def publish(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None:
        assert dict(headers) == {"content-type": b"application/cloudevents+json"}
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("kafka", "away")
        assert topic == METRICS_UPDATED
        self.records.append((key, decode(value)))

    def take(self) -> dict[str, Event]:
        """The newest sample of each series since the last call."""
        taken = {record.data.series: record for _, record in self.records}
        self.records.clear()
        return taken


def publisher(sessions: Sessions, topic: Topic | Producer) -> Publisher:
    return Publisher(sessions, topic, PublisherMetrics(CollectorRegistry()), OVERLAP, WantedSeries(KafkaSettings(bootstrap="unused:9092")))


def beat() -> None:
    """Nobody watches this loop."""


async def read_everything(sessions: Sessions) -> None:
    """Leave the stored offsets as a consumer at the log's end does."""
    partition = Partition(LIVE[0], 0)
    async with sessions.begin() as session:
        await start_partitions(session, GROUP, "cluster", {partition: 0})
        await advance(session, GROUP, [Move(partition, 0, 1, WATERMARK, None)])


async def say(
    sessions: Sessions, *scores: int, id: str = "a", minutes_ago: float = 0, channel: str = "phone", tenant: str = "acme"
) -> None:
    answers = [{"question": "q", "instrument": "nps", "score": score} for score in scores]
    data = {"channel": channel, "survey": "s", "answers": answers}
    at = utc_now() - timedelta(minutes=minutes_ago)
    said = event("feedback.survey_answered.v1", data, id=id, at=at, received=utc_now(), tenant=tenant)
    async with sessions.begin() as session:
        await ScoringHandler().apply(session, [Received(observation(said), FEEDBACK_EVENTS, 0, 0, utc_now())])


async def age_claims(sessions: Sessions, seconds: float) -> None:
    """Let time pass for what was claimed."""
    async with sessions.begin() as session:
        await session.execute(
            text("UPDATE published_series SET claimed_at = claimed_at - CAST(:by AS interval)"), {"by": timedelta(seconds=seconds)}
        )


@pytest_asyncio.fixture
async def topic(sessions: Sessions) -> Topic:
    await read_everything(sessions)
    return Topic()


async def test_an_answer_is_announced_in_total_and_by_channel_over_three_windows(sessions: Sessions, topic: Topic) -> None:
    await say(sessions, 10, 9, 0)

    await publisher(sessions, topic).tick(beat)

    keys, samples = {key for key, _ in topic.records}, topic.take()
    names = {f"nps{slice}[{window}]" for slice in ("", '{channel="phone"}') for window in ("15m", "1h", "24h")}
    assert set(samples) == names
    assert keys == {f"acme:{name}".encode() for name in names}
    sample = samples['nps{channel="phone"}[1h]']
    assert (sample.id, sample.sequence, sample.tenant) == ('nps{channel="phone"}[1h]:1', 1, "acme")
    assert (sample.data.metric, sample.data.slice, sample.data.window, sample.data.reason) == ("nps", {"channel": "phone"}, "1h", "changed")
    assert (sample.data.value, sample.data.n) == (pytest.approx(100 / 3), 3)
    assert sample.data.ci_low < sample.data.value < sample.data.ci_high
    assert sample.data.components == {"promoters": 2, "passives": 0, "detractors": 1}
    assert sample.data.watermark == WATERMARK
    assert sample.time == sample.data.as_of


async def test_what_did_not_change_is_not_said_again(sessions: Sessions, topic: Topic) -> None:
    await say(sessions, 9)
    loop = publisher(sessions, topic)
    await loop.tick(beat)
    topic.take()

    await loop.tick(beat)
    await publisher(sessions, topic).tick(beat)

    assert topic.records == []


async def test_a_change_within_a_second_waits_and_goes_out_after_it(sessions: Sessions, topic: Topic) -> None:
    loop = publisher(sessions, topic)
    await say(sessions, 9)
    await loop.tick(beat)
    topic.take()

    await say(sessions, 1, id="b")
    await loop.tick(beat)
    at_once = topic.take()
    await age_claims(sessions, 1)
    await asyncio.sleep(1)
    await loop.tick(beat)

    assert at_once == {}
    assert {(sample.sequence, sample.data.n) for sample in topic.take().values()} == {(2, 2)}


async def test_a_series_that_says_nothing_new_has_a_heartbeat_every_minute(sessions: Sessions, topic: Topic) -> None:
    loop = publisher(sessions, topic)
    await say(sessions, 9)
    await loop.tick(beat)
    topic.take()

    await age_claims(sessions, 59)
    await loop.tick(beat)
    early = topic.take()
    await age_claims(sessions, 1)
    await loop.tick(beat)

    assert early == {}
    assert {(sample.sequence, sample.data.reason) for sample in topic.take().values()} == {(2, "heartbeat")}


async def test_an_answer_that_leaves_its_window_is_announced_without_any_event(sessions: Sessions, topic: Topic) -> None:
    await say(sessions, 9, minutes_ago=13)
    await publisher(sessions, topic).tick(beat)
    assert topic.take()["nps[15m]"].data.n == 1
    async with sessions.begin() as session:  # time passes for the buckets; at :14, :29, :44 and :59 the window is one of a quarter
        await session.execute(text("UPDATE buckets SET start = start - interval '2 minutes' WHERE level = 1"))
        await session.execute(text("UPDATE buckets SET start = start - interval '15 minutes' WHERE level = 15"))
        await session.execute(text("UPDATE slice_activity SET changed_at = changed_at - interval '1 hour'"))
        await session.execute(text("UPDATE published_series SET claimed_at = claimed_at - interval '2 seconds'"))

    await publisher(sessions, topic).tick(beat)

    left = topic.take()["nps[15m]"].data
    assert (left.value, left.n, left.ci_low, left.reason) == (None, 0, None, "changed")


async def test_a_claim_whose_sending_failed_is_sent_again_by_any_replica_with_the_same_id(sessions: Sessions, topic: Topic) -> None:
    await say(sessions, 9)
    topic.away = True
    with pytest.raises(Unavailable):
        await publisher(sessions, topic).tick(beat)
    topic.away = False

    await publisher(sessions, topic).tick(beat)
    too_early = topic.take()
    await age_claims(sessions, 5)
    await publisher(sessions, topic).tick(beat)
    sent = topic.take()
    await age_claims(sessions, 5)
    await publisher(sessions, topic).tick(beat)

    assert too_early == {}
    assert {sample.sequence for sample in sent.values()} == {1}
    assert len(sent) == 6
    assert topic.records == [], "what was sent again is marked"


async def test_replicas_that_publish_at_once_never_give_a_number_twice(sessions: Sessions, topic: Topic) -> None:
    replicas = [publisher(sessions, topic) for _ in range(4)]

    for round in range(3):
        await say(sessions, 9, id=f"e{round}")
        await age_claims(sessions, 2)
        await asyncio.gather(*(replica.tick(beat) for replica in replicas))

    sequences = Counter((record.data.series, record.sequence) for _, record in topic.records)
    assert set(sequences.values()) == {1}
    assert all(sequences[("nps[1h]", sequence)] == 1 for sequence in (1, 2, 3))


async def test_nothing_is_said_before_the_topic_was_read(sessions: Sessions) -> None:
    topic = Topic()
    await say(sessions, 9)
    loop = publisher(sessions, topic)

    await loop.tick(beat)
    unread = topic.take()
    await read_everything(sessions)
    await loop.tick(beat)

    assert unread == {}
    assert len(topic.take()) == 6


async def test_samples_of_tenants_are_kept_apart(sessions: Sessions, topic: Topic) -> None:
    await say(sessions, 9)
    await say(sessions, 1, 2, tenant="globex")

    await publisher(sessions, topic).tick(beat)

    values = {(record.tenant, key, record.data.value) for key, record in topic.records if record.data.series == "nps[1h]"}
    assert values == {("acme", b"acme:nps[1h]", 100.0), ("globex", b"globex:nps[1h]", -100.0)}


@pytest_asyncio.fixture
async def kafka(kafka_server: KafkaServer) -> KafkaSettings:
    settings = KafkaSettings(bootstrap=kafka_server.bootstrap)
    await ensure_topics(settings)
    return settings


@pytest_asyncio.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[Producer]:
    producer, stop = Producer(kafka, "tests", [METRICS_UPDATED]), asyncio.Event()
    running = asyncio.create_task(producer.run(stop, beat))
    yield producer
    stop.set()
    await running
    await producer.close()


async def samples_on(kafka: KafkaSettings, tenant: str, wanted: int) -> Sequence[Event]:
    consumer = AIOKafkaConsumer(METRICS_UPDATED, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Event] = []
    try:
        async with asyncio.timeout(20):
            while len(found) < wanted:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [sample for record in records if (sample := decode(record.value)).tenant == tenant]
    finally:
        await consumer.stop()
    return found


async def test_the_loop_publishes_to_kafka_until_it_is_stopped(sessions: Sessions, kafka: KafkaSettings, producer: Producer) -> None:
    await read_everything(sessions)
    stop = asyncio.Event()
    running = asyncio.create_task(publisher(sessions, producer).run(stop, beat))
    await say(sessions, 9, tenant="looped")
    first = await samples_on(kafka, "looped", 6)
    await say(sessions, 0, id="b", tenant="looped")
    both = await samples_on(kafka, "looped", 12)
    stop.set()
    await asyncio.wait_for(running, 10)

    assert {sample.data.series: (sample.sequence, sample.data.value) for sample in first}["nps[15m]"] == (1, 100.0)
    assert {sample.data.series: (sample.sequence, sample.data.value) for sample in both}["nps[15m]"] == (2, 0.0)
