"""Everything happens once, whatever is killed (kill -9) or stopped while events flow, complaints fall due and the client comes again."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.each_once import InTurns, Traffic
from tests.faults.stopping import fenced, lines_of, replaced, stop_at_work
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import QUICK_WAITS, SERVICES, Platform, Service, running
from tests.system.receiver import Received

WITHIN_SECONDS = 8.0


@pytest_asyncio.fixture(scope="module")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """One process of each service, with short waits."""
    async with running(kafka_server, postgres_server, tmp_path_factory.mktemp("services"), QUICK_WAITS) as platform:
        yield platform


async def test_everything_happens_once_through_a_kill_of_each_part(platform: Platform, receiver: Received) -> None:
    await once_through_kills(platform, receiver, count=5_000, rounds=1, patience_seconds=90)


async def test_everything_happens_once_while_replicas_come_go_and_are_stopped(platform: Platform, receiver: Received) -> None:
    await once_while_replicas_change(platform, receiver, count=2_000, stopped_seconds=7, patience_seconds=60)


@pytest.mark.soak
async def test_everything_happens_once_with_the_shipped_waits(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path: Path, receiver: Received
) -> None:
    async with running(kafka_server, postgres_server, tmp_path, waits={}) as platform:
        await once_through_kills(platform, receiver, count=20_000, rounds=3, patience_seconds=180)
        await once_while_replicas_change(platform, receiver, count=20_000, stopped_seconds=65, patience_seconds=180)


async def once_through_kills(platform: Platform, receiver: Received, *, count: int, rounds: int, patience_seconds: float) -> None:
    """Post `count` events while each part is killed `rounds` times, at random moments; everything happens once."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    traffic = await Traffic(platform, f"killed-{count}", receiver, rng).prepare()
    parts = [*platform.services, platform.kafka, platform.postgres]
    over = asyncio.Event()

    async with AsyncExitStack() as stack:
        posting = await stack.enter_async_context(platform.client(platform.one("ingest"), traffic.key))
        flowing = asyncio.create_task(traffic.flow(posting, count / (16 * rounds), count, over))
        stack.callback(flowing.cancel)
        for _ in range(rounds):
            await asyncio.gather(*(kill_and_start(part, rng.uniform(0, WITHIN_SECONDS)) for part in parts))
        over.set()
        await flowing

    await traffic.expect_each_once(patience_seconds)


async def kill_and_start(part: Service | KafkaServer | PostgresServer, after_seconds: float) -> None:
    """SIGKILL it, and bring it back with what it had stored, whatever else is away just then."""
    await asyncio.sleep(after_seconds)
    if isinstance(part, Service):
        await part.kill()
        await part.start()
    else:
        part.kill()
        await part.restart()


async def once_while_replicas_change(
    platform: Platform, receiver: Received, *, count: int, stopped_seconds: float, patience_seconds: float
) -> None:
    """Under load: a second replica of each starts, one of each is stopped for so long and goes on, and ends in its orderly way."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    traffic = await Traffic(platform, f"stopped-{count}", receiver, random.Random(seed)).prepare()
    first = list(platform.services)
    over, posting = asyncio.Event(), InTurns()
    async with AsyncExitStack() as stack:
        posting.clients.append(await stack.enter_async_context(platform.client(first[0], traffic.key, timeout=2)))
        flowing = asyncio.create_task(traffic.flow(posting, 100, count, over))
        stack.callback(flowing.cancel)
        second = await asyncio.gather(*(platform.start(name) for name in SERVICES))
        posting.clients.append(await stack.enter_async_context(platform.client(second[0], traffic.key, timeout=2)))
        pairs = [(one, other) for one, other in zip(first, second, strict=True)]
        try:
            stopped = await asyncio.gather(*(stop_at_work(platform, pair, patience_seconds) for pair in pairs))
            await asyncio.sleep(stopped_seconds)
            await asyncio.gather(*(replaced(platform, one, patience_seconds) for one in stopped))
        finally:
            for service in platform.services:
                service.resume()
        await asyncio.gather(*(fenced(one, patience_seconds) for one in stopped))
        codes = await asyncio.gather(*(platform.stop(one.service) for one in stopped))
        over.set()
        await flowing

    await traffic.expect_each_once(patience_seconds)
    assert codes == [0, 0, 0, 0]
    for pair in pairs[1:]:
        owned = [{one["partitions"] for one in lines_of(service.log()) if one["action"] == "partitions_assigned"} for service in pair]
        whole = max(owned[0] | owned[1])
        assert all(any(0 < some < whole for some in counts) for counts in owned), "each had some partitions while the other had the rest"
