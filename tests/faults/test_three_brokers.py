"""Three brokers, everything on each of them: one may die; with two dead nothing accepted is lost; consumers go on."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.settings import KafkaSettings
from tests.faults.answers import Answer, Answers, flowing, ids_of, now
from tests.servers import KafkaCluster, KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.expectations import everything_read, expect_truth
from tests.system.platform import SHORT_WAITS, Platform
from tests.system.traffic import make_events

MINUTES = 10
MOST_MEGABYTES = 350
LAST_REFUSAL_SECONDS = 10.0
QUIET_SECONDS = 2.0
REPLICATED = {"HEARBACK_KAFKA_REPLICATION": "3", "HEARBACK_KAFKA_MIN_INSYNC_REPLICAS": "2"}


@dataclass(frozen=True, slots=True)
class Deaths:
    """When the first and the second broker died, and when both were started again."""

    first_at: float
    second_at: float
    over_at: float


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[KafkaCluster]:
    """Three brokers with nothing on them."""
    cluster = await KafkaCluster.start(tmp_path)
    yield cluster
    await cluster.kill()


@pytest_asyncio.fixture
async def postgres(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL of their own: stored offsets belong to one cluster, and elsewhere end the consumer."""
    postgres = await PostgresServer.start(tmp_path)
    yield postgres
    await postgres.stop()


async def test_the_broker_dies_that_coordinates_a_consumer_and_then_another(
    cluster: KafkaCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    coordinator = await coordinator_of(cluster, "scoring")
    turns = [[coordinator, rng.choice([node for node in cluster.nodes if node is not coordinator])]]

    await outlive(cluster, postgres, tmp_path, rng, turns, SHORT_WAITS, both_dead_seconds=7)


@pytest.mark.soak
async def test_each_broker_in_turn_dies_first_with_the_shipped_waits(
    cluster: KafkaCluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    first, second, third = cluster.nodes
    turns = [[first, second], [second, third], [third, first]]

    await outlive(cluster, postgres, tmp_path, random.Random(seed), turns, {}, both_dead_seconds=45)


async def outlive(
    cluster: KafkaCluster,
    postgres: PostgresServer,
    folder: Path,
    rng: random.Random,
    turns: Sequence[Sequence[KafkaServer]],
    waits: Mapping[str, str],
    both_dead_seconds: float,
) -> None:
    """In each turn kill its two brokers, one after the other, while events flow, and start them again."""
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    platform = Platform(cluster, postgres, folder)
    platform.kafka_settings = KafkaSettings(bootstrap=cluster.bootstrap, replication=3, min_insync_replicas=2)
    await platform.prepare("ingest", "scoring", waits={**waits, **REPLICATED})
    ingest, scoring = await asyncio.gather(platform.start("ingest"), platform.start("scoring"))
    key = await platform.key(f"brokers-{len(turns)}")
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        async with flowing(posting, make_events(rng, 60_000, start, MINUTES)) as answers:
            await answers.until_accepted(200, since=now())
            megabytes = [psutil.Process(node.pid).memory_info().rss >> 20 for node in cluster.nodes]
            copies = await replicas(platform.kafka_settings)
            deaths = [await die(dying, reading, answers, both_dead_seconds) for dying in turns]
        records = await read(platform.kafka_settings, since)
        await expect_truth(reading, answers.events, start, start + timedelta(minutes=MINUTES))
    await platform.stop_all()

    print(f"megabytes {megabytes}; the last refusal after one death: {[last_refusal(answers, death) for death in deaths]} s")
    assert max(megabytes) < MOST_MEGABYTES
    assert copies["__consumer_offsets"] == {3} and copies[FEEDBACK_EVENTS] == {3}
    assert {(answer.status, answer.response.headers.get("retry-after")) for answer in answers.refused} == {(503, "5")}
    for death in deaths:
        assert last_refusal(answers, death) < LAST_REFUSAL_SECONDS
        assert within(answers.refused, death.second_at, death.over_at)
        assert [answer for answer in within(answers.accepted, death.second_at, death.over_at) if answer.asked_at > death.second_at] == []
    assert ids_of(answers.accepted) - {json.loads(record.value)["id"] for record in records} == set()


async def die(dying: Sequence[KafkaServer], reading: httpx.AsyncClient, answers: Answers, both_dead_seconds: float) -> Deaths:
    """Kill one broker and see scoring go on, kill the other, start both again and see events accepted."""
    first, second = dying
    first_at = now()
    first.kill()
    await asyncio.sleep(LAST_REFUSAL_SECONDS + QUIET_SECONDS)
    await everything_read(reading)
    second_at = now()
    second.kill()
    await asyncio.sleep(both_dead_seconds)
    over_at = now()
    await asyncio.gather(first.restart(), second.restart())
    await answers.until_accepted(200, since=now())
    return Deaths(first_at, second_at, over_at)


def within(answers: Sequence[Answer], begin: float, end: float) -> list[Answer]:
    """Those that were answered in this span."""
    return [answer for answer in answers if begin < answer.answered_at < end]


def last_refusal(answers: Answers, death: Deaths) -> float:
    """How many seconds after the first death events were last refused, before the second; 0 when none was."""
    return max((answer.answered_at - death.first_at for answer in within(answers.refused, death.first_at, death.second_at)), default=0.0)


async def coordinator_of(cluster: KafkaCluster, group: str) -> KafkaServer:
    """The broker that a consumer group is coordinated by; the first question makes the topic that it is kept in."""
    async with asking(cluster.bootstrap) as admin, asyncio.timeout(20):
        while True:
            try:
                return cluster.nodes[await admin.find_coordinator(group) - 1]
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)


async def replicas(kafka: KafkaSettings) -> dict[str, set[int]]:
    """Topic → on how many brokers its partitions lie."""
    async with asking(kafka.bootstrap) as admin:
        return {
            topic["topic"]: {len(partition["replicas"]) for partition in topic["partitions"]} for topic in await admin.describe_topics()
        }


@asynccontextmanager
async def asking(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
