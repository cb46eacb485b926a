"""Kafka is away for longer than the producer's request timeout, killed or stopped, under all four services.

Ingest says so within five seconds and when to come again, takes events again as soon as Kafka does, and has lost none of
those that it answered with 202; every process waits and goes on.
"""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS, SURVEYS_REQUESTS
from shared.kafka.producer import WAIT_SECONDS
from tests.faults.answers import flowing, ids_of, now
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.expectations import expect_truth
from tests.system.platform import SERVICES, SHORT_WAITS, Platform, running
from tests.system.traffic import make_events

MINUTES = 10
BUSY_SECONDS = 2.0
"""So much later may anything be seen on a machine that has other things to do."""
LIVE = (FEEDBACK_EVENTS, FEEDBACK_BACKFILL)


@asynccontextmanager
async def killed(kafka: KafkaServer) -> AsyncIterator[None]:
    """Away because its process is: connections are refused."""
    kafka.kill()
    yield
    await kafka.restart()


@asynccontextmanager
async def stopped(kafka: KafkaServer) -> AsyncIterator[None]:
    """Away although its process is there: connections are taken by the kernel, and nothing ever answers."""
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(kafka.pid, signal.SIGCONT)


AWAY = {"killed": killed, "stopped": stopped}


@pytest_asyncio.fixture(scope="module")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """A process of each service, whose requests to Kafka give up after six seconds."""
    waits = {**SHORT_WAITS, "HEARBACK_KAFKA_REQUEST_TIMEOUT_SECONDS": "6"}
    async with running(kafka_server, postgres_server, tmp_path_factory.mktemp("services"), waits) as platform:
        yield platform


@pytest.mark.parametrize("away", AWAY)
async def test_kafka_away_for_longer_than_the_request_timeout(platform: Platform, away: str) -> None:
    await outlive(platform, away, seconds=8)


@pytest.mark.soak
@pytest.mark.parametrize("away", AWAY)
async def test_kafka_away_for_longer_than_the_shipped_request_timeout(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, away: str
) -> None:
    async with running(kafka_server, postgres_server, tmp_path, waits={}) as platform:
        await outlive(platform, away, seconds=45)


async def outlive(platform: Platform, away: str, seconds: float) -> None:
    """Keep Kafka away for so many seconds while events flow; see what is answered, what is kept and who goes on."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    events = make_events(random.Random(seed), 20_000, start, MINUTES, backfill_share=0.3)
    ingest, scoring, *_ = platform.services
    key = await platform.key(f"kafka-{away}")
    since = await mark(platform.kafka_settings, *LIVE)

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        async with flowing(posting, iter(events)) as answers:
            await answers.until_accepted(100, since=now())
            gone_at = now()
            async with AWAY[away](platform.kafka):
                await asyncio.sleep(seconds)
                told = await statuses(posting)
                last_before = answers.accepted[-1].answered_at
                probing = asyncio.create_task(first_produce(platform.kafka.bootstrap))
            back_at = await probing
            between = await mark(platform.kafka_settings, *LIVE)
            await answers.until_accepted(400, since=back_at)
        records = await read(platform.kafka_settings, since)
        for service in platform.services:
            await service.ready()
        await expect_truth(reading, answers.events, start, start + timedelta(minutes=MINUTES))

    refused_at = answers.refused[0].answered_at
    again_at = next(answer.answered_at for answer in answers.accepted if answer.answered_at > last_before)
    print(f"first 503 {refused_at - gone_at:.2f} s after it went, first 202 {again_at - back_at:.2f} s after its first produce")
    assert refused_at - gone_at < WAIT_SECONDS + BUSY_SECONDS
    assert {(answer.status, answer.response.headers.get("retry-after")) for answer in answers.refused} == {(503, "5")}
    assert {answer.response.headers["content-type"] for answer in answers.refused} == {"application/problem+json"}
    assert all("kafka" in answer.response.json()["detail"] for answer in answers.refused)
    assert not any(answer.response.json()["duplicates"] for answer in answers.accepted), "what was refused is not taken for known"
    assert max(answer.answered_at - answer.asked_at for answer in answers.all) < WAIT_SECONDS + BUSY_SECONDS
    assert last_before < gone_at + BUSY_SECONDS and again_at < back_at + BUSY_SECONDS
    assert told == {"live": 200, "ready": 200, "known key": 200, "unknown key": 503}
    assert ids_of(answers.accepted) - {json.loads(record.value)["id"] for record in records} == set()
    assert {at for at, offset in map(place_of, records) if offset >= between[at]} == between.keys(), "each partition goes on"
    assert {service.name: service.ended for service in platform.services} == dict.fromkeys(SERVICES)


async def statuses(client: httpx.AsyncClient) -> dict[str, int]:
    """What ingest answers to everything but events."""
    asked = {"live": "/health/live", "ready": "/health/ready", "known key": "/v1/whoami"}
    unknown = await client.get("/v1/whoami", headers={"authorization": "Bearer hb_stranger_x"})
    return {name: (await client.get(path)).status_code for name, path in asked.items()} | {"unknown key": unknown.status_code}


def place_of(record: ConsumerRecord) -> tuple[TopicPartition, int]:
    """Its partition and its offset."""
    return TopicPartition(record.topic, record.partition), record.offset


async def first_produce(bootstrap: str) -> float:
    """When Kafka first acknowledged a record of a client that began anew with each try, and so waits for nothing of before."""
    while True:
        client = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=1000, retry_backoff_ms=50)
        try:
            await client.start()
            await asyncio.wait_for(client.send_and_wait(SURVEYS_REQUESTS, b"probe"), 1)
            return now()
        except (KafkaError, TimeoutError):
            await asyncio.sleep(0.05)
        finally:
            await client.stop()
