"""kill -9 of every service, of Kafka and of PostgreSQL while events flow, complaints fall due and the client comes again with the same ids."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.each_once import Traffic
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import QUICK_WAITS, Platform, Service, running
from tests.system.receiver import Received

WITHIN_SECONDS = 8.0


async def test_everything_happens_once_through_a_kill_of_each_part(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, receiver: Received
) -> None:
    async with running(kafka_server, postgres_server, tmp_path, QUICK_WAITS) as (platform, services):
        await once_through_kills(platform, services, receiver, count=2_000, rounds=1, patience_seconds=60)


@pytest.mark.soak
async def test_everything_happens_once_through_kills_with_the_shipped_waits(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, receiver: Received
) -> None:
    async with running(kafka_server, postgres_server, tmp_path, waits={}) as (platform, services):
        await once_through_kills(platform, services, receiver, count=20_000, rounds=3, patience_seconds=180)


async def once_through_kills(
    platform: Platform, services: Sequence[Service], receiver: Received, *, count: int, rounds: int, patience_seconds: float
) -> None:
    """Post `count` events while each part is killed `rounds` times, at random moments; everything happens once."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    ingest, scoring, closed_loop, alerts = services
    traffic = await Traffic(platform, f"killed-{count}", receiver, count, rng).prepare(closed_loop, alerts)
    parts = [*services, platform.kafka, platform.postgres]
    over = asyncio.Event()

    async with platform.client(ingest, traffic.key) as posting:
        flowing = asyncio.create_task(traffic.flow(posting, 16 * rounds, over))
        for _ in range(rounds):
            await asyncio.gather(*(kill_and_start(part, rng.uniform(0, WITHIN_SECONDS)) for part in parts))
        over.set()
        await flowing

    await traffic.expect_each_once(scoring, closed_loop, patience_seconds)


async def kill_and_start(part: Service | KafkaServer | PostgresServer, after_seconds: float) -> None:
    """SIGKILL it, and bring it back with what it had stored, whatever else is away just then."""
    await asyncio.sleep(after_seconds)
    if isinstance(part, Service):
        await part.kill()
        await part.start()
    else:
        part.kill()
        await part.restart()
