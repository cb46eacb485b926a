"""Every event counts once: sent twice, in any order, revised, as history, over one replica and two, through kill -9 of everything."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import utc_now
from tests.servers import KafkaServer, PostgresServer
from tests.system.expectations import expect_truth
from tests.system.platform import Platform, Service
from tests.system.traffic import Event, make_events, post_all, revise

MINUTES = 30


def sent_twice_with_revisions(rng: random.Random, events: list[Event]) -> list[Event]:
    """Every event twice, a third of them also with higher revisions, all in random order."""
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    revised = [revise(rng, event, revision, start, MINUTES) for event in rng.sample(events, len(events) // 3) for revision in (2, 5)]
    everything = [*events, *revised] * 2
    rng.shuffle(everything)
    return everything


@pytest.mark.parametrize("replicas", [1, 2])
async def test_numbers_equal_a_recomputation_however_events_are_repeated_and_revised(
    platform: Platform, ingest: Service, scoring: Service, replicas: int
) -> None:
    rng = random.Random(replicas)
    tenant = f"once-{replicas}"
    key = await platform.key(tenant)
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    everything = sent_twice_with_revisions(rng, make_events(rng, 600, start, MINUTES, backfill_share=0.2))
    second = await platform.start("scoring") if replicas == 2 else None

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        await post_all(posting, everything, rng)

        await expect_truth(reading, everything, start - timedelta(minutes=1), start + timedelta(minutes=MINUTES))

    if second is not None:
        assert await platform.stop(second) == 0


async def test_every_event_counts_once_through_a_kill_of_each_part_in_turn(platform: Platform, ingest: Service, scoring: Service) -> None:
    await count_through_kills(platform, ingest, scoring, random.Random(9), 5000)


@pytest.mark.soak
async def test_a_hundred_thousand_events_count_once_through_kills_with_the_shipped_waits(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    platform = Platform(kafka_server, postgres_server, tmp_path)
    await platform.prepare("ingest", "scoring", waits={})
    ingest, scoring = await platform.start("ingest"), await platform.start("scoring")
    seed = random.randrange(10**6)
    print(f"seed {seed}")

    await count_through_kills(platform, ingest, scoring, random.Random(seed), 100_000)
    await platform.stop_all()


async def count_through_kills(platform: Platform, ingest: Service, scoring: Service, rng: random.Random, count: int) -> None:
    """Send `count` events while ingest, scoring, Kafka and PostgreSQL are killed in turn; every number equals the truth."""
    key = await platform.key(f"killed-{count}")
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    events = make_events(rng, count, start, MINUTES)
    kills: list[tuple[float, Callable[[], Awaitable[None]]]] = [
        (0.15, lambda: _kill_and_start(ingest)),
        (0.35, lambda: _kill_and_start(scoring)),
        (0.55, lambda: _kill_and_restart(platform.kafka)),
        (0.75, lambda: _kill_and_restart(platform.postgres)),
    ]

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        at = 0
        for share, kill in [*kills, (1.0, None)]:
            until = int(share * len(events))
            flowing = asyncio.create_task(post_all(posting, events[at:until], rng))
            if kill is not None:
                await asyncio.sleep(rng.uniform(0.05, 0.3))
                await kill()
            await flowing
            at = until

        await expect_truth(reading, events, start - timedelta(minutes=1), start + timedelta(minutes=MINUTES), seconds=40)


async def _kill_and_start(service: Service) -> None:
    await service.kill()
    await service.start()


async def _kill_and_restart(server: object) -> None:
    server.kill()  # type: ignore[attr-defined]
    await server.restart()  # type: ignore[attr-defined]
