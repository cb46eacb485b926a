"""Ingest, one worker with keys, limits and metrics on: single events over 64 connections, and batches of 500 over 4.

`python -m bench.ingest [single] [batch] [whole]`: one of the two, or both; `whole`: in a process with all roles, as `make run` has it.
Beside the rate it states what a server costs: memory, and CPU seconds for 1,000 events. Peer: FastAPI + pydantic + `send_and_wait`.
Limit: a bare ASGI callable with the same micro-batches.
"""

import asyncio
import itertools
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import uvloop
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench import load
from bench.rounds import interleave, record
from bench.servers import TOPIC
from services.cli.stack.ports import free_port
from shared.contracts.topics import FEEDBACK_EVENTS, TOPICS
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

SECONDS = 3.0
WARM_SECONDS = 3.0
"""Before the first round, for each server: the broker's JVM compiles what it does often."""
ROLES = ("events", "access")
"""As in a cluster, where what reads the events again (surveys) or works through files (imports) has Pods of its own."""
ORDER = ("peer", "ours", "limit")


@dataclass(frozen=True)
class Target:
    """A server: its process, its port, and the paths of single events and of batches."""

    pid: int
    port: int
    one: str = "/v1/events"
    many: str = "/v1/events"

    def cpu_seconds(self) -> float:
        """CPU seconds that the process has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Memory in use now (RSS)."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Round:
    """Events a second, p99 of a request in ms, CPU ms of the server for 1,000 events, and its memory afterwards in MB."""

    per_second: float
    p99_ms: float
    cpu: float
    megabytes: float

    def __float__(self) -> float:
        return self.per_second


def requests(path: str, key: str, size: int) -> Callable[[], bytes]:
    """Makes requests of `size` events each, every event with an id of its own."""
    numbers = itertools.count()
    now = datetime.now(UTC).isoformat()

    def event() -> str:
        return (
            f'{{"specversion":"1.0","id":"e-{next(numbers)}","source":"/bench","type":"feedback.survey_answered.v1","time":"{now}",'
            '"data":{"channel":"phone","survey":"after-call","answers":[{"question":"q1","instrument":"nps","score":9}]}}'
        )

    def request() -> bytes:
        body = (event() if size == 1 else "[" + ",".join(event() for _ in range(size)) + "]").encode()
        head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    return request


async def make_topic(bootstrap: str) -> None:
    """The topic of peer and limit."""
    admin, like = AIOKafkaAdminClient(bootstrap_servers=bootstrap), TOPICS[FEEDBACK_EVENTS]
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, like.partitions, 1, topic_configs=like.configuration())])
    await admin.close()


async def start_other(module: str, bootstrap: str) -> tuple[asyncio.subprocess.Process, int]:
    """The peer or the limit, ready."""
    port = free_port()
    environment = {**os.environ, "HEARBACK_KAFKA_BOOTSTRAP": bootstrap, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", f"bench.servers.{module}", env=environment)
    async with httpx.AsyncClient() as client:
        for _ in range(300):
            try:
                await client.get(f"http://127.0.0.1:{port}/health/ready")
                break
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    return process, port


async def main() -> None:
    """Bring everything up, measure, take it down."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        kafka, postgres = await KafkaServer.start(Path(folder)), await PostgresServer.start(Path(folder))
        platform = Platform(kafka, postgres, Path(folder))
        await platform.prepare("ingest")
        await make_topic(kafka.bootstrap)
        wanted = set(sys.argv[1:])
        ingest = await platform.start("ingest", roles=() if "whole" in wanted else ROLES)
        key = await platform.key("bench")
        async with platform.client(ingest, key):
            pass
        others = {name: await start_other(name, kafka.bootstrap) for name in ("peer", "limit")}
        targets = {name: Target(process.pid, port, "/one", "/many") for name, (process, port) in others.items()}
        targets["ours"] = Target(ingest.pid, ingest.port)
        await measure("ingest_whole" if "whole" in wanted else "ingest", targets, key, wanted - {"whole"} or {"single", "batch"})
        for process, _ in others.values():
            process.terminate()
            await process.wait()
        await platform.stop_all()
        await kafka.stop()
        await postgres.stop()


async def measure(name: str, targets: Mapping[str, Target], key: str, wanted: Collection[str]) -> None:
    """The wanted figures, and what they cost."""
    record(f"{name}_memory_at_rest", {which: [target.megabytes()] for which, target in targets.items()}, "MB", 0.0)
    if "single" in wanted:
        rounds, steal = await compare(targets, key, size=1, connections=64)
        record(f"{name}_single", per_round(rounds, "per_second"), "requests/s", steal)
        record(f"{name}_single_p99", per_round(rounds, "p99_ms"), "ms", steal)
        record(f"{name}_cpu_single", per_round(rounds, "cpu"), "CPU milliseconds per 1,000 events", steal)
        record(f"{name}_memory_single", per_round(rounds, "megabytes"), "MB", steal)
    if "batch" in wanted:
        rounds, steal = await compare(targets, key, size=500, connections=4)
        record(f"{name}_batch", per_round(rounds, "per_second"), "events/s", steal)
        record(f"{name}_cpu_batch", per_round(rounds, "cpu"), "CPU milliseconds per 1,000 events", steal)
        record(f"{name}_memory_batch", per_round(rounds, "megabytes"), "MB", steal)


async def compare(targets: Mapping[str, Target], key: str, *, size: int, connections: int) -> tuple[dict[str, list[Round]], float]:
    """Rounds of all three under requests of `size` events each, after a warm-up."""

    def under_load(target: Target) -> Callable[[float], Awaitable[Round]]:
        make = requests(target.one if size == 1 else target.many, key, size)

        async def once(seconds: float) -> Round:
            before = target.cpu_seconds()
            found = await load.run(target.port, make, connections, seconds)
            events = found.answers * size
            return Round(events / found.seconds, found.p99_ms, 1e6 * (target.cpu_seconds() - before) / events, target.megabytes())

        return once

    loads = {name: under_load(targets[name]) for name in ORDER}
    for load_one in loads.values():
        await load_one(WARM_SECONDS)
    return await interleave({name: partial(load_one, SECONDS) for name, load_one in loads.items()})


def per_round(rounds: Mapping[str, Sequence[Round]], figure: str) -> dict[str, list[float]]:
    """One of the figures of every round."""
    return {name: [getattr(found, figure) for found in all_found] for name, all_found in rounds.items()}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
