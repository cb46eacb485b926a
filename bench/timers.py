"""Timers of clocks: how many a second, and how late. `python -m bench.timers [fired] [outbox_only] [light] [busy]`; all when none is named.

fired: 10,000 due clocks of as many cases, fired by closed_loop's own loop. Limit: one bare statement that claims 1,000 and writes the
same rows. Peer: graphile-worker with as many due jobs, each of which writes the same rows with one statement of its own.
outbox_only: beside jobs of the peer that write an outbox record and nothing else.

light, busy: lateness in the service as it runs, with relay and Kafka: from the due instant to its detection, as the service records it, and
to the commit that tells it (PostgreSQL's commit timestamps). 50 dues a second beside 1,000,000 open timers, 2,000 a second beside 100,000.
"""

import asyncio
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bench.due_clocks import FIRE_MANY, FIRE_ONE, fill
from bench.rounds import Measure, interleave, record
from services.closed_loop.configuration import Calendars
from services.closed_loop.sources import TIMER_CHANNEL
from services.closed_loop.timers import clock_loop
from shared.clock import utc_now
from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.migrations import upgrade
from shared.database.timers import TimerMetrics
from shared.settings import DatabaseSettings
from tests.servers import KafkaServer, PostgresServer
from tests.system.platform import Platform

DUE = 10_000
OPEN_CASES = 500_000
"""Of two open timers each."""
LIGHT_PER_SECOND, LIGHT_SECONDS = 50, 4
HEAVY_PER_SECOND, HEAVY_SECONDS = 2_000, 4
GRAPHILE = Path(__file__).parent / "peers" / "graphile"
WRITE_OUTBOX = """
    INSERT INTO outbox (topic, key, value, header_names, header_values)
    VALUES ('cases.events.v1', convert_to($1, 'UTF8'), convert_to(repeat($1, 16), 'UTF8'), '{}', '{}')
"""
ADD_JOBS = """
    INSERT INTO graphile_worker._private_jobs (task_id, payload, run_at)
    SELECT task.id, json_build_object('clock', clocks.tenant || ' ' || clocks.id), now()
    FROM graphile_worker._private_tasks AS task, clocks WHERE task.identifier = 'due' AND clocks.next_at <= now()
"""
LATENESS = """
    SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY a.detected_at - a.at),
        percentile_disc(0.99) WITHIN GROUP (ORDER BY pg_xact_commit_timestamp(a.xmin) - a.at), count(*)
    FROM clock_announcements a JOIN clocks k ON k.tenant = a.tenant AND k.id = a.clock WHERE a.kind = 'breached' AND a.tenant = $1
"""


class Firing(TimerMetrics):
    """Knows when all of them have fired."""

    def __init__(self) -> None:
        super().__init__("hearback_clocks", CollectorRegistry())
        self._left = DUE
        self.all = asyncio.Event()

    def fired(self, due_at: datetime, detected_at: datetime) -> None:
        """One more."""
        super().fired(due_at, detected_at)
        self._left -= 1
        if not self._left:
            self.all.set()


class Clocks:
    """A database of closed_loop's for the measurements of how many."""

    def __init__(self, database: DatabaseSettings, sessions: Sessions, connection: asyncpg.Connection) -> None:
        self._database, self._sessions, self._connection = database, sessions, connection
        self._filled = 0

    async def make_due(self) -> None:
        """DUE more clocks, due an hour ago, and statistics and a cache that know of them."""
        self._filled += 1
        await fill(self._sessions, f"due-{self._filled}", DUE, utc_now() - timedelta(hours=1))
        await self._connection.execute("TRUNCATE outbox")
        await self._connection.execute("ANALYZE")
        await self._connection.execute("CHECKPOINT")

    async def ours(self) -> float:
        """Through the loop that the service runs."""
        await self.make_due()
        metrics = Firing()
        loop = clock_loop(self._database, self._sessions, Calendars(), metrics)
        stop = asyncio.Event()
        began = time.perf_counter()
        running = asyncio.create_task(loop.run(stop, lambda: None))
        await metrics.all.wait()
        stop.set()
        await running
        return await self._per_second(began)

    async def limit(self) -> float:
        """By the database alone."""
        await self.make_due()
        began = time.perf_counter()
        while await self._connection.execute(FIRE_MANY) != "INSERT 0 0":
            pass
        return await self._per_second(began)

    async def _per_second(self, began: float) -> float:
        seconds = time.perf_counter() - began
        assert await self._connection.fetchval("SELECT count(*) FROM outbox") == DUE
        return DUE / seconds

    async def peer(self) -> float:
        """By graphile-worker, from its first job to its last; its start is not counted."""
        return await self._graphile(FIRE_ONE)

    async def peer_outbox_only(self) -> float:
        """The same with less to do. The clocks are then fired by one statement, uncounted."""
        per_second = await self._graphile(WRITE_OUTBOX)
        while await self._connection.execute(FIRE_MANY) != "INSERT 0 0":
            pass
        return per_second

    async def _graphile(self, statement: str) -> float:
        await self.make_due()
        url = {"DATABASE_URL": self._database.url.get_secret_value()}
        command = ("node", "worker.mjs", str(DUE), statement)
        pipes: dict[str, Any] = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        worker = await asyncio.create_subprocess_exec(*command, cwd=GRAPHILE, env={**os.environ, **url}, **pipes)
        assert worker.stdin is not None
        assert worker.stdout is not None
        assert await worker.stdout.readline() == b"ready\n", "graphile-worker did not start"
        await self._connection.execute(ADD_JOBS)
        await self._connection.execute("ANALYZE")
        await self._connection.execute("CHECKPOINT")
        worker.stdin.write(b"begin\n")
        seconds = json.loads(await worker.stdout.readline())["seconds"]
        assert await worker.wait() == 0
        assert await self._connection.fetchval("SELECT count(*) FROM outbox") == DUE
        return DUE / float(seconds)


def without_graphile() -> str | None:
    """Why there is no peer; its packages are installed when that can be done."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no Node here"
    if not (GRAPHILE / "node_modules").exists() and os.system(f"npm ci --no-audit --no-fund --silent --prefix '{GRAPHILE}'"):
        return "npm cannot install it"
    return None


async def measure_fired(name: str, folder: Path) -> None:
    """How many a second."""
    postgres = await PostgresServer.start(folder)
    database = DatabaseSettings(url=SecretStr(await postgres.create_database("closed_loop")))
    await asyncio.to_thread(upgrade, "closed_loop", database)
    engine = create_engine(database, "bench")
    connection = await asyncpg.connect(database.url.get_secret_value())
    clocks = Clocks(database, create_sessions(engine), connection)
    measures: dict[str, Measure] = {"ours": clocks.ours}
    if name == "timers":
        measures["limit"] = clocks.limit
    if reason := without_graphile():
        print(f"  without graphile-worker: {reason}")
    else:
        measures["peer"] = clocks.peer if name == "timers" else clocks.peer_outbox_only
    figures, steal = await interleave(measures)
    record(name, figures, "timers/s", steal)
    await connection.close()
    await engine.dispose()
    await postgres.stop()


async def measure_lateness(name: str, open_cases: int, per_second: int, seconds: int, folder: Path) -> None:
    """How late, in the running service."""
    kafka, postgres = await KafkaServer.start(folder), await PostgresServer.start(folder)
    connection = await asyncpg.connect(postgres.url_for("postgres"))
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await connection.close()
    await postgres.restart()
    platform = Platform(kafka, postgres, folder)
    await platform.prepare("closed_loop")
    database = DatabaseSettings(url=SecretStr(postgres.url_for("hearback_closed_loop")), transaction_timeout_seconds=600)
    engine = create_engine(database, "bench")
    sessions = create_sessions(engine)
    await fill(sessions, "open", open_cases, utc_now() + timedelta(days=3))
    connection = await asyncpg.connect(database.url.get_secret_value())
    await connection.execute("VACUUM ANALYZE")
    await platform.start("closed_loop")
    numbers = iter(range(1000))
    commits: list[float] = []

    async def once() -> float:
        tenant, count = f"late-{next(numbers)}", per_second * seconds
        lead = timedelta(seconds=1 + count / 2000)  # filling is over by then
        first_due = utc_now() + lead
        await fill(sessions, tenant, count, first_due, timedelta(seconds=1) / per_second)
        await connection.execute("NOTIFY " + TIMER_CHANNEL)
        await asyncio.sleep((first_due - utc_now()).total_seconds() + seconds + 0.5)
        detected, committed, told = await connection.fetchrow(LATENESS, tenant)
        assert told == count, f"only {told} of {count} have fired"
        commits.append(1000 * committed.total_seconds())
        return 1000 * float(detected.total_seconds())

    figures, steal = await interleave({"ours": once})
    record(f"timer_lateness_{name}", figures, "ms", steal)
    record(f"timer_committed_{name}", {"ours": commits[-len(figures["ours"]) :]}, "ms", steal)
    await platform.stop_all()
    await connection.close()
    await engine.dispose()
    await kafka.stop()
    await postgres.stop()


async def main(parts: list[str]) -> None:
    """Measure the parts that are named, or all."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # as in the services
    measures: dict[str, Callable[[Path], Awaitable[None]]] = {
        "fired": partial(measure_fired, "timers"),
        "outbox_only": partial(measure_fired, "timers_outbox_only"),
        "light": partial(measure_lateness, "p99", OPEN_CASES, LIGHT_PER_SECOND, LIGHT_SECONDS),
        "busy": partial(measure_lateness, "p99_at_2000", OPEN_CASES // 10, HEAVY_PER_SECOND, HEAVY_SECONDS),
    }
    for name in parts or measures:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            await measures[name](Path(folder))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1:]))
