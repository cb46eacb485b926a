"""Ingest, one worker with keys, limits and metrics on: single events over 64 connections, and batches of 500 over 4.

Peer: FastAPI + pydantic + `send_and_wait`. Limit: a bare ASGI callable with the same micro-batches.
"""

import asyncio
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvloop

from bench import load
from bench.rounds import Measure, interleave, record
from services.cli.stack.ports import free_port
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

SECONDS = 4.0
ORDER = ("peer", "ours", "limit")

Targets = dict[str, tuple[int, str, str]]
"""Name → port, path of single events, path of batches."""


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
        ingest = await platform.start("ingest")
        key = await platform.key("bench")
        async with platform.client(ingest, key):
            pass
        others = {name: await start_other(name, kafka.bootstrap) for name in ("peer", "limit")}
        targets: Targets = {name: (port, "/one", "/many") for name, (_, port) in others.items()}
        await measure(targets | {"ours": (ingest.port, "/v1/events", "/v1/events")}, key)
        for process, _ in others.values():
            process.terminate()
            await process.wait()
        await platform.stop_all()
        await kafka.stop()
        await postgres.stop()


async def measure(targets: Targets, key: str) -> None:
    """All figures of ingest."""
    p99: dict[str, list[float]] = {name: [] for name in targets}

    def single(name: str) -> Measure:
        port, path, _ = targets[name]
        make = requests(path, key, 1)

        async def once() -> float:
            found = await load.run(port, make, 64, SECONDS)
            p99[name].append(found.p99_ms)
            return found.per_second

        return once

    def batch(name: str) -> Measure:
        port, _, path = targets[name]
        make = requests(path, key, 500)

        async def once() -> float:
            return 500 * (await load.run(port, make, 4, SECONDS)).per_second

        return once

    singles, steal = await interleave({name: single(name) for name in ORDER})
    record("ingest_single", singles, "requests/s", steal)
    record("ingest_single_p99", {name: values[-len(singles["ours"]) :] for name, values in p99.items()}, "ms", steal)
    batches, steal = await interleave({name: batch(name) for name in ORDER})
    record("ingest_batch", batches, "events/s", steal)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
