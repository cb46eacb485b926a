"""From a POST to the number that shows it, and from a due to the webhook that tells it, at 3,000 events a second, all services running.

Open loop: ten events a request, 300 requests a second, whatever the answers do. Of 100 events 60 are NPS answers, 38 completed contacts
and 2 complaints; one answer in fifty is bad and opens a case, as every complaint does. An answer is visible when the sample of
`nps` over 24 hours that counts it lies on `metrics.updated.v1`: the k-th answer with the first sample whose n is at least k.

Two more tenants complain four times a second, with a first response due after eight seconds: one is told by the default route (one group
of all its cases, group_wait 0 s, group_interval 5 s), the other in a group for each case. A webhook counts from the due instant. They
do so alone at first (`_light`), and then beside the 3,000 events a second, which keep the two cores busy.

Memory and CPU are those of /proc, for each service, PostgreSQL and Kafka.
"""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer

from bench.open_loop import OpenLoop
from bench.rounds import interleave, record
from services.cli.stack.ports import free_port
from shared.contracts.decoding import decode
from shared.contracts.topics import METRICS_UPDATED
from shared.kafka.connection import client_arguments
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform, Service

PER_SECOND, SECONDS, AT_ONCE = 3000, 12, 10
DUE_AFTER_SECONDS = 8
COMPLAINTS_PER_SECOND = 4
SERVICES = ("ingest", "scoring", "closed_loop", "alerts")
POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": DUE_AFTER_SECONDS}]}]}
EACH_CASE = {"receiver": "default", "group_by": ["case"], "group_wait": "0s", "group_interval": "5m", "repeat_interval": "4h"}
GROUPED, SINGLE = "grouped", "single"


class Events:
    """Makes the events, each with an id of its own."""

    def __init__(self) -> None:
        self._made = 0
        self.answers = 0
        """Events so far that an NPS counts."""

    def request(self, key: str, at: datetime, count: int = AT_ONCE, *, complaints: bool = False) -> bytes:
        """A request of `count` events that happen `at`, when it will be sent; of the mixture or complaints only."""
        self._at = at.isoformat()
        body = ("[" + ",".join(self._complaint() if complaints else self._mixed() for _ in range(count)) + "]").encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def _mixed(self) -> str:
        place = self._made % 100
        if place % 5 < 3:
            self.answers += 1
            score = 3 if self.answers % 50 == 0 else 9
            return self._event(
                "feedback.survey_answered", f'"survey":"s","answers":[{{"question":"q","instrument":"nps","score":{score}}}]'
            )
        return self._complaint() if place in (3, 53) else self._event("interaction.completed", '"channel":"phone"')

    def _complaint(self) -> str:
        return self._event("feedback.complaint_raised", '"text":"Three weeks, and no answer.","category":"delay"')

    def _event(self, type: str, data: str) -> str:
        self._made += 1
        common = "" if "channel" in data else '"channel":"phone",'
        customer = f'"customer":{{"id":"c-{self._made % 5000}"}},'
        return (
            f'{{"specversion":"1.0","id":"e-{self._made}","source":"/bench","type":"{type}.v1","time":"{self._at}",'
            f'"data":{{{common}{customer}{data}}}}}'
        )


class Samples:
    """The samples of one series, each with when it was there."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.at: list[float] = []

    async def run(self, consumer: AIOKafkaConsumer, tenant: str) -> None:
        """Read until cancelled."""
        loop = asyncio.get_running_loop()
        key = f"{tenant}:".encode()
        async for message in consumer:
            if message.key.startswith(key) and b'"metric":"nps"' in message.value:
                sample = decode(message.value).data
                if sample.window == "24h" and not sample.slice and (not self.counts or sample.n > self.counts[-1]):
                    self.counts.append(sample.n)
                    self.at.append(loop.time())

    def seen_at(self, count: int) -> float:
        """When the first `count` were visible."""
        return self.at[bisect_left(self.counts, count)]


class Webhooks:
    """A receiver of webhooks that keeps when each case was told first, in seconds of the epoch."""

    def __init__(self) -> None:
        self.told_at: dict[str, float] = {}
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"

    async def start(self) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._take, "127.0.0.1", self._port)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = time.time()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head[head.find(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        for alert in json.loads(await reader.readexactly(length))["alerts"]:
            if alert["status"] == "firing":
                self.told_at.setdefault(alert["labels"]["case"], now)
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


class Usage:
    """CPU seconds and memory of each service, of PostgreSQL and of Kafka."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, with all descendants, also those that have ended."""
        return {name: sum(_cpu(one) for one in _family(pid)) for name, pid in self._pids.items()}

    def memory(self) -> dict[str, float]:
        """Megabytes now, pages that processes share counted once (PSS)."""
        return {name: sum(_memory(one) for one in _family(pid)) for name, pid in self._pids.items()}


def _family(pid: int) -> list[int]:
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(one for child in children for one in _family(child))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _serving() -> dict[str, int]:
    """The processes of the services, which are children of this one."""
    found = {}
    for pid in _family(os.getpid()):
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"serve" in arguments:
            found[arguments[arguments.index(b"serve") + 1].decode()] = pid
    return found


class Bench:
    """All services, one round after the other."""

    def __init__(self, platform: Platform, services: dict[str, Service], webhooks: Webhooks, usage: Usage) -> None:
        self._platform, self._webhooks, self._usage = platform, webhooks, usage
        self._services = services
        self._events = Events()
        self._samples = Samples()
        self._posted = OpenLoop(services["ingest"].port, 32)
        self._complained = OpenLoop(services["ingest"].port, 1)
        self.p50: list[float] = []
        self.cpu: dict[str, list[float]] = {}
        self.most: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Keys, policies, receivers and the reader of samples."""
        self._keys = {tenant: await self._platform.key(tenant) for tenant in ("load", GROUPED, SINGLE)}
        for tenant in (GROUPED, SINGLE):
            key = self._keys[tenant]
            async with self._platform.client(self._services["closed_loop"], key) as loop:
                (await loop.put("/v1/policies", json=POLICY)).raise_for_status()
            async with self._platform.client(self._services["alerts"], key) as alarm:
                answer = await alarm.put("/v1/receivers/default", json={"kind": "webhook", "url": f"{self._webhooks.url}{tenant}"})
                answer.raise_for_status()
                if tenant == SINGLE:
                    (await alarm.put("/v1/routes", json=EACH_CASE)).raise_for_status()
        for service in self._services.values():
            async with self._platform.client(service, self._keys["load"]):
                pass
        consumer = AIOKafkaConsumer(
            METRICS_UPDATED, **client_arguments(self._platform.kafka_settings, "bench"), auto_offset_reset="earliest"
        )
        await consumer.start()
        reading = asyncio.create_task(self._samples.run(consumer, "load"))
        yield
        reading.cancel()
        await consumer.stop()

    async def complain(self) -> None:
        """The complaints of the two other tenants, for as long as a round."""
        tenants = [tenant for _ in range(SECONDS * COMPLAINTS_PER_SECOND) for tenant in (GROUPED, SINGLE)]
        sent_at = _instants(datetime.now(UTC), 2 * COMPLAINTS_PER_SECOND)
        requests = [self._events.request(self._keys[tenant], at, 1, complaints=True) for tenant, at in zip(tenants, sent_at, strict=False)]
        await self._complained.send(requests, 2 * COMPLAINTS_PER_SECOND)

    async def round(self) -> float:
        """One load; the p99 from POST to number, in milliseconds."""
        first = self._events.answers
        due_at = []
        requests = []
        sent_at = _instants(datetime.now(UTC), PER_SECOND // AT_ONCE)
        for number, at in zip(range(PER_SECOND * SECONDS // AT_ONCE), sent_at, strict=False):
            before = self._events.answers
            requests.append(self._events.request(self._keys["load"], at))
            due_at += [number] * (self._events.answers - before)
        before_cpu = self._usage.cpu()
        sending = asyncio.create_task(self.complain())
        began = await self._posted.send(requests, PER_SECOND / AT_ONCE)
        for name, megabytes in self._usage.memory().items():
            self.most[name] = max(self.most.get(name, 0.0), megabytes)
        await sending
        async with asyncio.timeout(15):
            while not self._samples.counts or self._samples.counts[-1] < self._events.answers:  # noqa: ASYNC110 - nothing is measured by it
                await asyncio.sleep(0.1)
        for name, seconds in self._usage.cpu().items():
            self.cpu.setdefault(name, []).append((seconds - before_cpu[name]) * 1000 / (len(requests) * AT_ONCE))
        waited = [
            self._samples.seen_at(first + place) - began - number * AT_ONCE / PER_SECOND for place, number in enumerate(due_at, start=1)
        ]
        self.p50.append(1000 * median(waited))
        return 1000 * quantiles(waited, n=100)[98]


def _instants(first: datetime, per_second: float) -> Iterator[datetime]:
    """When the requests of an open loop that begins now are sent."""
    return (first + timedelta(seconds=number / per_second) for number in count())


async def stored(platform: Platform, folder: Path) -> dict[str, float]:
    """Bytes in the log of each topic, in each service's database, and written ahead by PostgreSQL so far."""
    found: dict[str, float] = _logs(folder)
    connection = await asyncpg.connect(platform.postgres.url_for("postgres"))
    for service in SERVICES:
        found[f"postgresql_{service}"] = await connection.fetchval("SELECT pg_database_size($1)", f"hearback_{service}")
    found["postgresql_wal"] = await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'")
    await connection.close()
    return {name: float(size) for name, size in found.items()}


def _logs(folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for log in folder.glob("kafka/**/*-[0-9]*/*.log"):
        name = "kafka_" + log.parent.name.rpartition("-")[0]
        found[name] = found.get(name, 0.0) + log.stat().st_size
    return found


class Told(NamedTuple):
    """Milliseconds from the due of a case to its detection, and to its first webhook."""

    due_at: datetime
    detected: float
    told: float


async def told_after(platform: Platform, webhooks: Webhooks, tenant: str) -> list[Told]:
    """Every case of a tenant."""
    connection = await asyncpg.connect(platform.postgres.url_for("hearback_closed_loop"))
    rows = await connection.fetch(
        "SELECT k.case_id, a.at, a.detected_at FROM clock_announcements a JOIN clocks k ON k.tenant = a.tenant AND k.id = a.clock "
        "WHERE a.tenant = $1 AND a.kind = 'breached'",
        tenant,
    )
    await connection.close()
    return [
        Told(at, 1000 * (detected_at - at).total_seconds(), 1000 * (webhooks.told_at[case] - at.timestamp()))
        for case, at, detected_at in rows
    ]


def record_told(name: str, told: Sequence[Told], steal: float) -> None:
    """The percentiles of a set of cases."""
    for part, values in (("webhook", [one.told for one in told]), ("detection", [one.detected for one in told])):
        percentiles = quantiles(values, n=100)
        record(f"due_to_{part}{name}_p50", {"ours": [percentiles[49]]}, "ms", steal)
        record(f"due_to_{part}{name}_p99", {"ours": [percentiles[98]]}, "ms", steal)


async def measure(platform: Platform, usage_of: dict[str, int], folder: Path) -> None:
    """All figures."""
    webhooks = Webhooks()
    server = await webhooks.start()
    services = {name: await platform.start(name) for name in SERVICES}
    usage = Usage(_serving() | usage_of)
    bench = Bench(platform, services, webhooks, usage)
    async with bench.ready():
        await asyncio.sleep(5)
        await bench.complain()
        await asyncio.sleep(DUE_AFTER_SECONDS + 2)
        loaded_from = datetime.now(UTC)
        at_rest, stored_before = usage.memory(), await stored(platform, folder)
        figures, steal = await interleave({"ours": bench.round})
        await asyncio.sleep(DUE_AFTER_SECONDS + 6)
        growth = {name: size - stored_before.get(name, 0) for name, size in (await stored(platform, folder)).items()}
    rounds = len(figures["ours"])
    record("post_to_number_p99", figures, "ms", steal)
    record("post_to_number_p50", {"ours": bench.p50[-rounds:]}, "ms", steal)
    for tenant, name in ((SINGLE, ""), (GROUPED, "_grouped")):
        told = await told_after(platform, webhooks, tenant)
        record_told(name, [one for one in told if one.due_at >= loaded_from], steal)
        record_told(f"{name}_light", [one for one in told if one.due_at < loaded_from], steal)
    for name in usage_of | _serving():
        record(f"cpu_per_1000_events_{name}", {"ours": [1000 * cpu for cpu in bench.cpu[name][-rounds:]]}, "CPU ms", steal)
        record(f"memory_at_rest_{name}", {"ours": [at_rest[name]]}, "MB", steal)
        record(f"memory_under_load_{name}", {"ours": [bench.most[name]]}, "MB", steal)
    for name, size in growth.items():
        per_event = size / (len(bench.p50) * PER_SECOND * SECONDS)
        if per_event >= 1:
            record(f"bytes_per_event_{name}", {"ours": [per_event]}, "bytes", steal)
    server.close()


async def main() -> None:
    """Bring everything up, measure, take it down."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kafka, postgres = await KafkaServer.start(Path(folder)), await PostgresServer.start(Path(folder))
        platform = Platform(kafka, postgres, Path(folder))
        await platform.prepare(*SERVICES)
        await measure(platform, {"postgresql": postgres.pid, "kafka": kafka.pid}, Path(folder))
        await platform.stop_all()
        await kafka.stop()
        await postgres.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
