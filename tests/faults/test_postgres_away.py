"""PostgreSQL is restarted and killed, ends connections, picks a victim, has no disk left: consumers wait and go on in the same process.

Ingest takes events all the while, health and metrics tell what is the matter, and afterwards everything counts once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest
import pytest_asyncio

from shared.clock import utc_now
from tests.faults.answers import Answers, flowing, now
from tests.faults.disk import Disk, small_disk
from tests.servers import KafkaServer, PostgresServer
from tests.system.cases import all_cases
from tests.system.expectations import everything_read, expect_truth
from tests.system.platform import SERVICES, Platform, running
from tests.system.traffic import Event, make_events, post_until_accepted

MINUTES = 10
AWAY_SECONDS = 3.0
BUSY_PAUSE_SECONDS = 0.02  # so that batches are at work when their connections end
CONSUMERS = ("scoring", "closed_loop")
DISK_MEGABYTES = 256
SOME = 200
FIRST_ROWS_OF_TWO_MINUTES = """
    SELECT slice, start FROM buckets JOIN slices ON id = slice WHERE tenant = 'deadlock' AND level = 1 ORDER BY slice, start LIMIT 2
"""
LOCK = "SELECT FROM buckets WHERE level = 1 AND slice = $1 AND start = $2 FOR UPDATE"
CONNECTION_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@dataclass(slots=True)
class Flow:
    """Events on their way through everything, and what was answered. `reads` are the instants of readers' questions by their status."""

    platform: Platform
    rng: random.Random
    answers: Answers
    reads: dict[int, list[float]] = field(default_factory=dict)

    async def taken(self) -> None:
        """Ingest takes some more events."""
        await self.answers.until_accepted(SOME, since=now())

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
        """Wait until it holds."""
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.05)

    async def asked(self, path: str) -> dict[str, tuple[int, str]]:
        """What each service answers to a path: status and `detail`."""
        async with httpx.AsyncClient() as client:
            answers = {service.name: await client.get(f"{service.url}{path}") for service in self.platform.services}
        return {name: (answer.status_code, answer.json().get("detail", "")) for name, answer in answers.items()}

    async def told(self, name: str, value: float, *services: str) -> bool:
        """Whether these services tell Prometheus this value; `{}` in the name is the service."""
        return all([await self.platform.one(service).metric(name.format(service)) == value for service in services])


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """What the PostgreSQL of these tests writes on, its log of what it does excepted."""
    with small_disk(tmp_path_factory.mktemp("disk") / "postgres", DISK_MEGABYTES) as disk:
        yield disk


@pytest_asyncio.fixture(scope="module")
async def platform(kafka_server: KafkaServer, disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """One process of each service on a PostgreSQL of their own."""
    postgres = await PostgresServer.start(disk.folder.parent)
    try:
        async with running(kafka_server, postgres, tmp_path_factory.mktemp("services")) as platform:
            yield platform
    finally:
        await postgres.stop()


@asynccontextmanager
async def surviving(platform: Platform, tenant: str) -> AsyncIterator[Flow]:
    """Events flow and readers read while the body runs; then every service is ready, never ended, and has everything once."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    end = start + timedelta(minutes=MINUTES)
    rng, key = random.Random(seed), await platform.key(tenant)
    async with (
        platform.client(platform.one("ingest"), key) as posting,
        platform.client(platform.one("scoring"), key) as scoring,
        platform.client(platform.one("closed_loop"), key) as closed_loop,
    ):
        async with flowing(posting, make_events(rng, 20_000, start, MINUTES), BUSY_PAUSE_SECONDS) as answers:
            flow = Flow(platform, rng, answers)
            await flow.taken()
            asked = ((scoring, "/v1/metrics?metric=nps&window=1h"), (closed_loop, "/v1/cases"))
            readers = [asyncio.create_task(_read(client, path, flow.reads)) for client, path in asked]
            try:
                yield flow
                await flow.taken()
                assert not any(reader.done() for reader in readers)
            finally:
                for reader in readers:
                    reader.cancel()
        for service in platform.services:
            await service.ready()
        await expect_truth(scoring, answers.events, start, end)
        await expect_one_case_a_complaint(closed_loop, answers.events)
    assert answers.refused == [], "ingest does not need PostgreSQL to take events"
    assert {service.name: service.ended for service in platform.services} == dict.fromkeys(SERVICES)


def expect_told(ready: dict[str, tuple[int, str]], reason: str) -> None:
    """Every service says what is the matter, and only ingest, which takes events nevertheless, goes on being ready."""
    assert {name: status for name, (status, _) in ready.items()} == {**dict.fromkeys(SERVICES, 503), "ingest": 200}
    assert [detail for _, detail in ready.values() if reason not in detail] == []


async def _read(client: httpx.AsyncClient, path: str, reads: dict[int, list[float]]) -> None:
    while True:
        asked_at = now()
        status = (await client.get(path)).status_code
        reads.setdefault(status, []).append(asked_at)
        await asyncio.sleep(0.02)


async def expect_one_case_a_complaint(client: httpx.AsyncClient, events: list[Event]) -> None:
    """Every complaint has one case, as soon as closed_loop has read them all; nothing has two."""
    complaints = {event["id"] for event in events if event["type"] == "feedback.complaint_raised.v1"}
    async with asyncio.timeout(60):
        while complaints - set(origins := [case["origin"]["id"] for case in await all_cases(client)]):
            await asyncio.sleep(0.2)
    assert sorted(origins) == sorted(set(origins))


async def test_postgres_is_restarted_and_then_killed_for_a_while(platform: Platform) -> None:
    async with surviving(platform, "restarted") as flow:
        gone_at = now()
        await platform.postgres.restart()
        restarted_at = now()
        await flow.taken()
        killed_at = now()
        platform.postgres.kill()
        await flow.until(lambda: flow.told("hearback_{}_database_up", 0, *SERVICES))
        ready, live = await flow.asked("/health/ready"), await flow.asked("/health/live")
        await asyncio.sleep(max(0.0, killed_at + AWAY_SECONDS - now()))
        await flow.taken()
        await platform.postgres.restart()
        back_at = now()
        await flow.until(lambda: flow.told("hearback_{}_database_up", 1, *SERVICES))

    expect_told(ready, "the database does not answer")
    assert live == dict.fromkeys(SERVICES, (200, ""))
    assert flow.reads.keys() == {200, 503}
    needless = [at for at in flow.reads[503] if not gone_at - 1 < at < restarted_at and not killed_at - 1 < at < back_at]
    assert needless == [], "nobody is refused once PostgreSQL answers again"


async def test_postgres_ends_connections_in_the_middle_of_batches(platform: Platform) -> None:
    ended = {"idle": 0, "at work": 0}
    async with surviving(platform, "terminated") as flow, platform.database("scoring") as administrator:
        for _ in range(25):
            rows = await administrator.fetch("""
                SELECT xact_start IS NOT NULL AS at_work, pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname LIKE 'hearback_%' AND pid <> pg_backend_pid()
            """)
            for row in rows:
                ended["at work" if row["at_work"] else "idle"] += 1
            await asyncio.sleep(flow.rng.uniform(0, 0.2))

    print(ended)
    assert ended["at work"] > 0 and ended["idle"] > 0


async def test_a_batch_that_is_the_victim_of_a_deadlock_is_tried_again(platform: Platform) -> None:
    key = await platform.key("deadlock")
    start = utc_now().replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    events = [make_interaction(f"i-{number}", start + timedelta(minutes=number % 2)) for number in range(4)]
    scoring = platform.one("scoring")
    async with (
        platform.client(platform.one("ingest"), key) as posting,
        platform.client(scoring, key) as reading,
        platform.database("scoring") as other,
        platform.database("scoring") as observer,
    ):
        await post_until_accepted(posting, events[:2])
        await everything_read(reading)
        first, second = await observer.fetch(FIRST_ROWS_OF_TWO_MINUTES)
        async with other.transaction():
            await other.execute("SET LOCAL deadlock_timeout = '1min'")
            await other.execute(LOCK, *second)
            await post_until_accepted(posting, events[2:])
            async with asyncio.timeout(20):
                while await observer.fetch(f"{LOCK} SKIP LOCKED", *first):
                    await asyncio.sleep(0.01)
            await other.execute(LOCK, *first)
        await expect_truth(reading, events, start, start + timedelta(minutes=MINUTES))
        assert "DeadlockDetectedError (40P01)" in scoring.log()


def make_interaction(id: str, at: datetime) -> Event:
    """A call of one and the same customer, so that all of them lie in one partition."""
    data = {"channel": "phone", "customer": {"id": "c-1"}}
    return {"specversion": "1.0", "id": id, "source": "/test", "type": "interaction.completed.v1", "time": at.isoformat(), "data": data}


async def test_the_disk_of_postgres_is_full_for_its_tables_and_then_for_its_log(platform: Platform, disk: Disk) -> None:
    if disk.missing is not None:
        pytest.skip(disk.missing)
    async with surviving(platform, "full") as flow:
        full_at = now()
        disk.fill()
        await flow.until(lambda: flow.told("hearback_{}_consumer_waiting", 1, *CONSUMERS))
        await flow.until(lambda: flow.told("hearback_{}_database_writable", 0, *SERVICES))
        ready, live = await flow.asked("/health/ready"), await flow.asked("/health/live")
        await flow.taken()
        still_waiting = [await flow.told("hearback_{}_consumer_waiting", 1, *CONSUMERS) for _ in range(20)]
        freed_at = now()
        disk.free()
        await flow.until(lambda: flow.told("hearback_{}_consumer_waiting", 0, *CONSUMERS))
        await flow.until(lambda: flow.told("hearback_{}_database_writable", 1, *SERVICES))
        await flow.taken()
        disk.fill()
        await write_until_there_is_no_room(platform)
        await flow.until(lambda: flow.told("hearback_{}_database_up", 0, *SERVICES))
        await flow.taken()
        disk.free()
        await platform.postgres.restart()

    assert all(still_waiting)
    expect_told(ready, "the database cannot write: DiskFullError (53100)")
    assert live == dict.fromkeys(SERVICES, (200, ""))
    assert [at for at in flow.reads.get(503, []) if full_at < at < freed_at] == [], "what is stored can be read"


async def write_until_there_is_no_room(platform: Platform) -> None:
    """Go through the pieces of the write-ahead log until there is no room for the next one, which is the end of the server."""
    async with asyncio.timeout(30):
        try:
            async with platform.database("scoring") as administrator:
                while True:
                    await administrator.execute("SELECT pg_logical_emit_message(true, 'full', 'disk'), pg_switch_wal()")
        except CONNECTION_LOST:
            return
