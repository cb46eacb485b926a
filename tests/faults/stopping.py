"""A process is stopped (SIGSTOP) in the middle of its work, with its transactions open, and is seen to have lost it when it goes on."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from shared.contracts.topics import CASES_EVENTS, FEEDBACK_EVENTS
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

STILL_DUE = "SELECT count(*) FROM clocks WHERE next_at <= $1"


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
    """A process in SIGSTOP: since when, what stood in its topic then, and how long its log was."""

    service: Service
    trap: Trap | None
    at: datetime
    ends: Mark
    log_length: int

    def actions_since(self) -> set[str]:
        """What it has logged since."""
        return {line["action"] for line in lines_of(self.service.log()[self.log_length :])}


async def stop_at_work(platform: Platform, pair: Sequence[Service], seconds: float) -> Stopped:
    """SIGSTOP the replica that relays, at a moment at which it also has a batch (and claimed timers) in an open transaction."""
    name = pair[0].name
    trap = TRAPS.get(name)
    async with asyncio.timeout(seconds), platform.database(name) as looking, platform.database(name) as locking:
        while (service := await relaying(looking, pair)) is None or not await caught(looking, locking, service, trap):
            await asyncio.sleep(0.2)
        at = await looking.fetchval("SELECT clock_timestamp()")
        ends = {} if trap is None else await mark(platform.kafka_settings, trap.reads)
        return Stopped(service, trap, at, ends, len(service.log()))


async def relaying(looking: asyncpg.Connection, pair: Sequence[Service]) -> Service | None:
    """The replica that has the relay's lock."""
    port = await looking.fetchval(RELAYING)
    return next((service for service in pair if port in service.local_ports()), None)


async def caught(looking: asyncpg.Connection, locking: asyncpg.Connection, service: Service, trap: Trap | None) -> bool:
    """Whether it went into the trap, if there is one, within a second; it is stopped then, and its transactions are open."""
    if trap is None:
        service.pause()
        return True

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
    """Wait until others have done what it had in hand, and relay in its place, all while it is stopped."""
    name = stopped.service.name
    await platform.has_read(name, stopped.ends, seconds)
    others = [service for service in platform.services if service.name == name and service is not stopped.service]
    async with asyncio.timeout(seconds), platform.database(name) as looking:
        while await relaying(looking, others) is None:
            await asyncio.sleep(0.1)
        while stopped.trap and stopped.trap.timers and await looking.fetchval(STILL_DUE, stopped.at):
            await asyncio.sleep(0.1)


async def fenced(stopped: Stopped, seconds: float) -> None:
    """Wait until it says that it does not relay any more, that its batch is undone and that its timers have to be claimed anew."""
    says = {"leadership_lost"}
    if stopped.trap is not None:
        says |= {"stale_owner", "timers_wait"} if stopped.trap.timers else {"stale_owner"}
    async with asyncio.timeout(seconds):
        while not says <= stopped.actions_since():
            await asyncio.sleep(0.1)


def lines_of(log: str) -> list[Mapping[str, Any]]:
    """The lines of a log that are written to their ends."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
