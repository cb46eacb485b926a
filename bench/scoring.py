"""Scoring's consumer with everything it stores: events a second from a filled topic to the commit of the last of them.

Peer: quixstreams, which counts the same answers by the minute (bench/peers/windowed_counts.py). Limits: the same rows in bare
transactions, and `getmany` alone. Run as `python -m bench.scoring [EVENTS [ROUNDS]]`.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import asyncpg
import uvloop

from bench.bare_transactions import Batch, batches_of, write
from bench.feedback import fill, read
from bench.peers.environment import python_of_peers
from bench.rounds import interleave, record
from services.cli.stack.ports import free_port
from services.scoring.sources import GROUP
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.settings import KafkaSettings
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

EVENTS = 100_000
ROUNDS = 5
TICK_SECONDS = 0.01
TABLES = "observations, slices, buckets, slice_activity, consumer_offsets"
READ = f"SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_offsets WHERE consumer_group = '{GROUP}'"
CONSUMER = ("-m", "services.cli.main", "serve", "scoring", "--role", "consumer")


class Bench:
    """The servers, and how each of the four is measured once."""

    def __init__(self, kafka: KafkaSettings, database: str, folder: Path, events: int) -> None:
        self._kafka, self._database, self._folder, self._events = kafka, database, folder, events
        self._peers, self._numbers = python_of_peers(), count()
        self._batches: list[Batch] = []

    async def prepare(self) -> None:
        """Fill the topic, and keep what the bare transactions will write."""
        await fill(self._kafka, self._events)
        self._batches = batches_of([record async for batch in read(self._kafka, self._events) for record in batch])

    async def ours(self) -> float:
        """Our consumer's process, from its first commit to its last."""
        connection = await self._emptied()
        environment = {
            **os.environ,
            "HEARBACK_KAFKA_BOOTSTRAP": self._kafka.bootstrap,
            "HEARBACK_SCORING_DATABASE_URL": self._database,
            "HEARBACK_SCORING_PORT": str(free_port()),
        }
        with (self._folder / "scoring.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(sys.executable, *CONSUMER, env=environment, stdout=log, stderr=log)
        first = await self._read(connection, process, 1)
        began = time.perf_counter()
        await self._read(connection, process, self._events)
        took = time.perf_counter() - began
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        await connection.close()
        return float((self._events - first) / took)

    async def peer(self) -> float:
        """The peer's process, which tells its own figure."""
        folder = self._folder / f"peer-{next(self._numbers)}"
        arguments = ("-W", "ignore", "bench/peers/windowed_counts.py", self._kafka.bootstrap, FEEDBACK_EVENTS, str(self._events), folder)
        process = await asyncio.create_subprocess_exec(self._peers, *arguments, stdout=asyncio.subprocess.PIPE)
        told, _ = await process.communicate()
        return float(told)

    async def bare(self) -> float:
        """The same rows, one bare transaction a batch."""
        connection = await self._emptied()
        began = time.perf_counter()
        await write(connection, self._batches)
        took = time.perf_counter() - began
        await connection.close()
        return self._events / took

    async def getmany(self) -> float:
        """Every record taken from Kafka, and dropped."""
        began = 0.0
        async for _ in read(self._kafka, self._events):
            began = began or time.perf_counter()
        return self._events / (time.perf_counter() - began)

    async def _read(self, connection: asyncpg.Connection, process: asyncio.subprocess.Process, events: int) -> int:
        """Wait until so many are committed; how many it is then."""
        while (read := await connection.fetchval(READ)) < events:
            assert process.returncode is None, (self._folder / "scoring.log").read_text()[-2000:]
            await asyncio.sleep(TICK_SECONDS)
        return int(read)

    async def _emptied(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(self._database)
        await connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")
        await connection.execute("CHECKPOINT")
        return connection


async def main(events: int, rounds: int) -> None:
    """Bring everything up, measure, take it down."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        kafka, postgres = await KafkaServer.start(folder), await PostgresServer.start(folder)
        platform = Platform(kafka, postgres, folder)
        await platform.prepare("scoring")
        bench = Bench(platform.kafka_settings, postgres.url_for("hearback_scoring"), folder, events)
        await bench.prepare()
        measures = {"peer": bench.peer, "ours": bench.ours, "limit": bench.bare, "getmany": bench.getmany}
        figures, steal = await interleave(measures, rounds)
        record("scoring", figures, "events/s", steal)
        record("scoring_getmany", {"ours": figures["ours"], "limit": figures["getmany"]}, "events/s", steal)
        await kafka.stop()
        await postgres.stop()


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:]]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*(sizes + [EVENTS, ROUNDS][len(sizes) :])))
