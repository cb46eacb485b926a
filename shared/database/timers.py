"""Timers are rows with a due instant. This loop fires them at that instant, once, in any replica.

It sleeps until the earliest, at most five seconds, and is woken by NOTIFY when a transaction made an earlier one. Whether
a row is due is PostgreSQL's `now()` alone to say: no clock of this process is read, only spans of sleep are measured.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import asyncpg
import structlog
from prometheus_client import CollectorRegistry, Gauge, Histogram
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, any_within, backoff, stopped_within
from shared.settings import DatabaseSettings

LONGEST_SLEEP_SECONDS = 5.0
HELD_SECONDS = 0.1
"""How soon to look again at rows that are due but did not fire: another transaction has them, or they have to wait."""
BACKLOG_SECONDS = 1.0
"""How long batch after batch of a backlog is fired until the loop says again that it lives, and what is oldest."""
BATCH = 1000
LISTEN_TIMEOUT_SECONDS = 2.0
LATENESS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

log = structlog.get_logger()


class Due(Protocol):
    """The timers of one kind, in one database."""

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """The smallest `next_at` of those that still have to fire; None when there is none. An index should answer it."""

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Claim up to `limit` rows with `next_at <= now()` (FOR UPDATE SKIP LOCKED, ordered), act on them, and say how many.

        Runs in one transaction that the loop commits. A row that has fired must have another `next_at`, or none. For each,
        tell `TimerMetrics.fired`.
        """


class TimerMetrics:
    """How late timers fire. `prefix` is `hearback_<noun>`, as in `hearback_clocks_lateness_seconds`."""

    def __init__(self, prefix: str, registry: CollectorRegistry) -> None:
        self._lateness = Histogram(
            f"{prefix}_lateness_seconds", "From the due instant to its detection.", buckets=LATENESS, registry=registry
        )
        self._oldest = Gauge(
            f"{prefix}_oldest_due_unprocessed_seconds", "Age of the oldest due timer that has not fired; 0 when none.", registry=registry
        )

    def fired(self, due_at: datetime, detected_at: datetime) -> None:
        """One timer fired; `detected_at` is PostgreSQL's `now()` of the transaction."""
        self._lateness.observe(max(0.0, (detected_at - due_at).total_seconds()))

    def oldest_due(self, seconds: float) -> None:
        """How long the oldest due timer has been waiting when the loop last looked."""
        self._oldest.set(seconds)


async def wake(session: AsyncSession, channel: str) -> None:
    """Make the loops on `channel` look again when this transaction commits. Call it whenever a timer was set or moved."""
    await session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": channel})


def always() -> bool:
    """For loops that need not wait for anything after a start."""
    return True


class TimerLoop:
    """The loop. While `ready()` is false due timers stay where they are. A transaction fires `at_once` timers or fewer.

    A first one that is small tells soon whether many are due. Then `in_flight` transactions are under way at any time: this process
    computes for one while PostgreSQL works for another. After one that failed, which may have taken too long, fewer are tried.
    """

    def __init__(
        self,
        name: str,
        database: DatabaseSettings,
        sessions: Sessions,
        channel: str,
        due: Due,
        metrics: TimerMetrics,
        ready: Callable[[], bool] = always,
        at_once: int = BATCH,
        in_flight: int = 1,
    ) -> None:
        self.name = name
        self._at_once = at_once
        self._most = at_once
        """What a transaction fires now."""
        self._in_flight = in_flight
        self._listener = Listener(name, database, channel)
        self._sessions = sessions
        self._due = due
        self._metrics = metrics
        self._ready = ready

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Fire until `stop` is set. Waits for PostgreSQL; raises what is unforeseen, also from `Due.fire`."""
        await look_whenever_heard(self.name, self._listener, self._look, stop, beat)

    async def _look(self) -> float:
        """Fire what is due. Returns the seconds until the next look."""
        async with self._sessions.begin() as session:
            earliest = await self._due.earliest(session)
            now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        ahead = LONGEST_SLEEP_SECONDS if earliest is None else (earliest - now).total_seconds()
        self._metrics.oldest_due(max(0.0, -ahead))
        if ahead > 0:
            return ahead
        if not self._ready():
            return HELD_SECONDS
        most, self._most = self._most, max(1, self._most // 2)  # fewer the next time, unless these can be fired
        few = max(1, most // 5)
        fired = await self._fire(few)
        if fired >= few:
            await self._fire_backlog(most)
        self._most = min(self._at_once, 2 * most)
        return 0.0 if fired else HELD_SECONDS

    async def _fire_backlog(self, at_once: int) -> None:
        """Fire batch after batch, several at a time, as long as they are full and for a while at most."""
        now = asyncio.get_running_loop().time
        until = now() + BACKLOG_SECONDS

        async def fire_on() -> None:
            while await self._fire(at_once) >= at_once and now() < until:
                pass

        for ended in await asyncio.gather(*(fire_on() for _ in range(self._in_flight)), return_exceptions=True):
            if ended is not None:
                raise ended

    async def _fire(self, limit: int) -> int:
        async with self._sessions.begin() as session:
            return await self._due.fire(session, limit)


class Look(Protocol):
    """Does what is due, and returns the seconds until it wants to look again; raises Unavailable or database errors."""

    async def __call__(self) -> float: ...


async def look_whenever_heard(name: str, listener: "Listener", look: Look, stop: asyncio.Event, beat: Beat) -> None:
    """Look again and again until `stop` is set: when the returned time is over, at the latest after five seconds, and when
    something is heard. The first look after a LISTEN comes after it, so that nothing is missed in between."""
    pauses = backoff()
    try:
        while not stop.is_set():
            beat()
            await listener.keep_listening()
            listener.heard.clear()
            try:
                with typed_database_errors():
                    seconds = await look()
                pauses = backoff()
            except Unavailable as unavailable:
                log.warning("timers wait", action="timers_wait", loop=name, dependency=unavailable.dependency, detail=unavailable.detail)
                await stopped_within(stop, next(pauses))
                continue
            await listener.wait(stop, min(seconds, LONGEST_SLEEP_SECONDS))
    finally:
        listener.close()


class Listener:
    """A connection of its own that LISTENs. `heard` is set by every NOTIFY, and by the loss of the connection.

    Without the connection nothing is heard and nothing else fails: whoever waits looks again in time by itself.
    """

    def __init__(self, name: str, database: DatabaseSettings, channel: str) -> None:
        self.heard = asyncio.Event()
        self._name = name
        self._database = database
        self._channel = channel
        self._connection: asyncpg.Connection | None = None
        self._answered = 0.0
        """When the connection was last known to work, on the loop's clock."""

    async def keep_listening(self) -> None:
        """LISTEN when that is not the case; find out every five seconds whether a silent connection still works."""
        loop = asyncio.get_running_loop()
        if self._connection is not None and loop.time() - self._answered < LONGEST_SLEEP_SECONDS:
            return
        try:
            with typed_database_errors():
                if self._connection is None:
                    self._connection = await self._listen()
                await self._connection.execute("SELECT 1", timeout=LISTEN_TIMEOUT_SECONDS)
            self._answered = loop.time()
        except Unavailable as unavailable:
            self.close()
            log.warning("cannot listen", action="listen_failed", loop=self._name, detail=unavailable.detail)

    async def _listen(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._database.url.get_secret_value(),
            timeout=LISTEN_TIMEOUT_SECONDS,
            command_timeout=LISTEN_TIMEOUT_SECONDS,
            server_settings={"application_name": f"hearback {self._name} listener"},
        )
        connection.add_termination_listener(self._lost)
        try:
            await connection.add_listener(self._channel, lambda *_: self.heard.set())
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _lost(self, connection: asyncpg.Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self.heard.set()

    async def wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Until something is heard, `stop` is set or `seconds` have passed."""
        await any_within(seconds, self.heard, stop)

    def close(self) -> None:
        """Drop the connection, at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
