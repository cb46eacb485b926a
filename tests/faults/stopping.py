"""A process is stopped (SIGSTOP) in the middle of its work, with its transactions open, and is seen to have lost it when it goes on."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from shared.contracts.topics import CASES_EVENTS, FEEDBACK_EVENTS
from tests.faults.each_once import has_read
from tests.shared.kafka.reading import Mark, mark
from tests.system.platform import Platform, Service

WAITING = """
    SELECT a.client_port AS port, array_agg(h.relation::regclass::text) AS tables
    FROM pg_stat_activity a JOIN pg_locks h ON h.pid = a.pid AND h.locktype = 'relation' AND h.granted
    WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' GROUP BY a.pid, a.client_port
"""
RELAYING = """
    SELECT a.client_port FROM pg_stat_activity a JOIN pg_locks h ON h.pid = a.pid AND h.locktype = 'advisory' AND h.granted
    WHERE a.datname = current_database() AND a.application_name = 'hearback relay'
"""


@dataclass(frozen=True)
class Trap:
    """Where a process is caught with its transactions open: it waits for a lock on `table`, which the test has.

    A transaction of the consumer has written to `batch` by then; one of the timers has claimed rows of `timers` and not done that.
    """

    table: str
    batch: str
    timers: str | None
    reads: str

    def holds(self, transactions: Sequence[set[str]]) -> bool:
        """Whether these are what it is set for, by the tables that they have touched."""
        batch = any(self.batch in tables for tables in transactions)
        return batch and (self.timers is None or any(self.timers in tables and self.batch not in tables for tables in transactions))


TRAPS = {
    "scoring": Trap("consumer_offsets", "observations", None, FEEDBACK_EVENTS),
    "closed_loop": Trap("outbox", "seen_events", "clocks", FEEDBACK_EVENTS),
    "alerts": Trap("outbox", "seen_events", None, CASES_EVENTS),
}


@dataclass(frozen=True)
class Stopped:
    """A process in SIGSTOP: what stood in its topic then, and what it had told of itself."""

    service: Service
    ends: Mark
    stale_batches: float
    log_length: int

    def actions_since(self) -> list[Mapping[str, Any]]:
        """What it has logged since."""
        return actions_of(self.service.log()[self.log_length :])


async def stop_at_work(platform: Platform, pair: Sequence[Service], seconds: float) -> Stopped:
    """SIGSTOP the replica that relays, at a moment at which it also has a batch (and claimed timers) in an open transaction."""
    async with asyncio.timeout(seconds), platform.database(pair[0].name) as looking, platform.database(pair[0].name) as locking:
        while True:
            service = await relaying(looking, pair)
            trap = TRAPS.get(pair[0].name)
            if service is not None:
                stale = 0.0 if trap is None else await service.metric(f"hearback_{service.name}_stale_batches_total")
                ends = {} if trap is None else await mark(platform.kafka_settings, trap.reads)
                length = len(service.log())
                if trap is None:
                    service.pause()
                if trap is None or await caught(looking, locking, service, trap):
                    return Stopped(service, ends, stale, length)
            await asyncio.sleep(0.2)


async def relaying(looking: asyncpg.Connection, pair: Sequence[Service]) -> Service | None:
    """The replica that has the relay's lock."""
    port = await looking.fetchval(RELAYING)
    return next((service for service in pair if port in service.local_ports()), None)


async def caught(looking: asyncpg.Connection, locking: asyncpg.Connection, service: Service, trap: Trap) -> bool:
    """Whether it went into the trap within a second; it is stopped then, and its transactions are open."""

    async def inside() -> bool:
        ports = service.local_ports()
        return trap.holds([set(row["tables"]) for row in await looking.fetch(WAITING) if row["port"] in ports])

    async with locking.transaction():
        await locking.execute(f"LOCK TABLE {trap.table} IN SHARE MODE")
        for _ in range(20):
            if await inside():
                service.pause()
                if await inside():
                    return True
                service.resume()
            await asyncio.sleep(0.05)
    return False


async def replaced(platform: Platform, stopped: Stopped, seconds: float) -> None:
    """Wait until others have read what it had in hand, and relay in its place, all while it is stopped."""
    await has_read(platform, stopped.service.name, stopped.ends, seconds)
    async with asyncio.timeout(seconds), platform.database(stopped.service.name) as looking:
        others = [service for service in platform.services if service.name == stopped.service.name and service is not stopped.service]
        while await relaying(looking, others) is None:
            await asyncio.sleep(0.1)


async def fenced(stopped: Stopped, seconds: float) -> None:
    """Wait until it says that its batch is undone, that it does not relay any more and, where it had claimed timers, that they are gone."""
    service = stopped.service
    trap = TRAPS.get(service.name)
    async with asyncio.timeout(seconds):
        while not any(one["action"] == "leadership_lost" for one in stopped.actions_since()):
            await asyncio.sleep(0.1)
        while trap is not None and await service.metric(f"hearback_{service.name}_stale_batches_total") <= stopped.stale_batches:
            await asyncio.sleep(0.1)
        while (
            trap is not None
            and trap.timers
            and not any((one["action"], one.get("loop")) == ("timers_wait", "timers") for one in stopped.actions_since())
        ):
            await asyncio.sleep(0.1)


def actions_of(log: str) -> list[Mapping[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
