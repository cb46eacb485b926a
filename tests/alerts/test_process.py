"""Alerts as its processes run: killed and doubled while breaches arrive, each is told once; SIGTERM drains."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.fernet import Fernet
from sqlalchemy import text

from services.cli.stack.ports import free_port
from shared.clock import utc_now
from shared.contracts.decoding import decode
from shared.contracts.topics import ALERTS_EVENTS, CASES_EVENTS
from shared.database.engine import Sessions
from shared.kafka.topics import ensure_topics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.alerts.events import clock_bytes
from tests.alerts.receiver import Receiver, receiving
from tests.servers import KafkaServer

RUN = "import sys; from services.alerts.main import main; sys.exit(main())"
KEY = Fernet.generate_key().decode()
CONFIGURATION = """
receivers: [{{receiver: local, kind: webhook, url: "{url}", secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}}]
routes: {{receiver: local, group_by: [case], group_wait: 0s, group_interval: 0s}}
"""


class Process:
    """One process of alerts."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = {**environment, "HEARBACK_ALERTS_PORT": str(self.port)}
        self._log = log

    async def start(self) -> None:
        """Begin, without waiting."""
        with self._log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", RUN, env={**os.environ, **self._environment}, stdout=log, stderr=log
            )

    async def ready(self) -> None:
        """Until it says so."""
        async with httpx.AsyncClient() as client, asyncio.timeout(40):
            while True:
                assert self.child.returncode is None, self._log.read_text()[-3000:]
                try:
                    if (await client.get(f"http://127.0.0.1:{self.port}/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def end(self, how: signal.Signals) -> int:
        """Send the signal; the exit code."""
        if self.child.returncode is None:
            self.child.send_signal(how)
        return await asyncio.wait_for(self.child.wait(), 30)


@pytest_asyncio.fixture
async def environment(kafka_server: KafkaServer, alerts_database: DatabaseSettings, sessions: Sessions) -> dict[str, str]:
    """What a process is told, on empty tables."""
    await ensure_topics(KafkaSettings(bootstrap=kafka_server.bootstrap))
    return {
        "HEARBACK_KAFKA_BOOTSTRAP": kafka_server.bootstrap,
        "HEARBACK_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "HEARBACK_ALERTS_DATABASE_URL": alerts_database.url.get_secret_value(),
        "HEARBACK_ALERTS_ALLOW_PRIVATE_RECEIVERS": "true",
        "HEARBACK_ALERTS_SECRETS_KEY": KEY,
    }


@pytest_asyncio.fixture
async def producer(kafka_server: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, acks="all")
    await producer.start()
    yield producer
    await producer.stop()


def configured(environment: dict[str, str], folder: Path, receiver: Receiver, tenant: str) -> dict[str, str]:
    (folder / f"{tenant}.yaml").write_text(CONFIGURATION.format(url=receiver.url))
    return {**environment, "HEARBACK_ALERTS_CONFIGURATION": str(folder)}


async def published(bootstrap: str, tenant: str) -> list[Any]:
    """Every event of alerts of this tenant on Kafka."""
    consumer = AIOKafkaConsumer(ALERTS_EVENTS, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        events = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                events += [decode(record.value) for record in records]
        return [event for event in events if event.tenant == tenant]
    finally:
        await consumer.stop()


async def test_each_breach_is_told_once_while_processes_are_killed(
    environment: dict[str, str], producer: AIOKafkaProducer, sessions: Sessions, tmp_path: Path
) -> None:
    chance = random.Random(4)
    cases = [f"case-{number}" for number in range(120)]
    (tmp_path / "files").mkdir()
    async with receiving() as receiver:
        told = configured(environment, tmp_path / "files", receiver, "kills")
        processes = [Process(told, tmp_path / f"alerts-{number}.log") for number in range(2)]
        for process in processes:
            await process.start()
        await asyncio.gather(*(process.ready() for process in processes))
        now = utc_now()
        for position in range(0, len(cases), 30):
            for case in cases[position : position + 30]:
                value = clock_bytes("breached", 2, 0, case=case, breached=0, tenant="kills", start=now)
                for _ in range(chance.choice((1, 1, 2))):  # the writer's relay repeats what it did not know to be out
                    await producer.send_and_wait(CASES_EVENTS, value, key=f"kills:{case}".encode())
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            victim = chance.choice(processes)
            await victim.end(signal.SIGKILL)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await victim.start()
        await asyncio.gather(*(process.ready() for process in processes))
        async with asyncio.timeout(90):
            while len({alert["labels"]["case"] for got in receiver.got for alert in got.said["alerts"]}) < len(cases):
                await asyncio.sleep(0.1)
            while await _waiting(sessions):
                await asyncio.sleep(0.1)
        codes = [await process.end(signal.SIGTERM) for process in processes]
        told_by_case: dict[str, set[str]] = {}
        for got in receiver.got:
            for alert in got.said["alerts"]:
                told_by_case.setdefault(alert["labels"]["case"], set()).add(got.id)

    events = [event for event in await published(environment["HEARBACK_KAFKA_BOOTSTRAP"], "kills") if event.type == "alert.fired.v1"]
    fired = Counter(event.data.case for event in {event.id: event for event in events}.values())
    assert codes == [0, 0]
    assert fired == Counter(cases)
    assert {case: len(ids) for case, ids in told_by_case.items()} == dict.fromkeys(cases, 1)


async def test_a_folder_that_makes_no_sense_ends_the_start_with_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("rules: [{rule: low}]")
    run = "import sys; from services.alerts.main import main; from shared.errors import ConfigurationError\n"
    run += "try: main()\nexcept ConfigurationError as error: sys.exit(str(error))"

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", run, env={**os.environ, **environment, "HEARBACK_ALERTS_CONFIGURATION": str(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await child.communicate()

    assert child.returncode == 1
    assert said.decode().startswith("HEARBACK_ALERTS_CONFIGURATION: acme.yaml: rules, low: ")
    assert said.count(b"\n") == 1


async def _waiting(sessions: Sessions) -> int:
    async with sessions.begin() as session:
        open_rows = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'leased'))"
        count: int = (await session.execute(text(open_rows))).scalar_one()
        return count
