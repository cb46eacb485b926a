"""Timers on real PostgreSQL: what a loop records in its own table is asserted, not what the test's stopwatch says."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
import pytest_asyncio
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.database.engine import Sessions, create_engine, create_sessions
from shared.database.timers import LONGEST_SLEEP_SECONDS, TimerLoop, TimerMetrics, always, wake
from shared.settings import DatabaseSettings

CHANNEL = "alarms"
ON_TIME = 1.5
"""Far below the five seconds that a loop sleeps which is not woken; so much may a busy machine need. bench measures how late timers are."""

metadata = sa.MetaData()
alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("next_at", sa.DateTime(timezone=True), index=True),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("detected_at", sa.DateTime(timezone=True)),
    sa.Column("fired", sa.Integer, nullable=False, server_default="0"),
)


class Alarms:
    """Alarms go off once and record PostgreSQL's instant."""

    def __init__(self, metrics: TimerMetrics) -> None:
        self._metrics = metrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        earliest: datetime | None = (await session.execute(sa.text("SELECT min(next_at) FROM alarms"))).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        fired = await session.execute(
            sa.text("""
                UPDATE alarms SET next_at = NULL, detected_at = now(), fired = fired + 1
                WHERE id IN (SELECT id FROM alarms WHERE next_at <= now() ORDER BY next_at LIMIT :limit FOR UPDATE SKIP LOCKED)
                RETURNING due_at, detected_at
            """),
            {"limit": limit},
        )
        rows = fired.all()
        for due_at, detected_at in rows:
            self._metrics.fired(due_at, detected_at)
        return len(rows)


class SlowAlarms(Alarms):
    """More than four in one transaction take longer than it may."""

    async def fire(self, session: AsyncSession, limit: int) -> int:
        if limit > 4:
            await session.execute(sa.text("SELECT pg_sleep(60)"))
        return await super().fire(session, limit)


@pytest_asyncio.fixture
async def sessions(engine: AsyncEngine) -> Sessions:
    """Sessions on an empty table of alarms."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
    return create_sessions(engine)


@asynccontextmanager
async def running(
    database: DatabaseSettings, sessions: Sessions, ready: Callable[[], bool] = always, kind: type[Alarms] = Alarms, **batches: int
) -> AsyncIterator[CollectorRegistry]:
    """A loop in this process, until the end of the block."""
    registry = CollectorRegistry()
    metrics = TimerMetrics("hearback_alarms", registry)
    stop = asyncio.Event()
    loop = TimerLoop("alarms", database, sessions, CHANNEL, kind(metrics), metrics, ready, **batches)
    task = asyncio.create_task(loop.run(stop, lambda: None))
    try:
        yield registry
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def set_alarms(sessions: Sessions, *seconds: float, tell: bool = True) -> None:
    """Alarms that many seconds from PostgreSQL's now."""
    async with sessions.begin() as session:
        await session.execute(
            sa.text("INSERT INTO alarms (next_at, due_at) SELECT i, i FROM (SELECT now() + make_interval(secs => :s) AS i)"),
            [{"s": s} for s in seconds],
        )
        if tell:
            await wake(session, CHANNEL)


async def lateness(sessions: Sessions, count: int, within: float = 10) -> list[float]:
    """Wait until `count` alarms went off; how late each was, in seconds. None went off twice."""
    async with asyncio.timeout(within):
        while True:
            async with sessions() as session:
                rows = (await session.execute(sa.select(alarms).where(alarms.c.fired > 0).order_by(alarms.c.due_at))).all()
            if len(rows) >= count:
                break
            await asyncio.sleep(0.05)
    assert [row.fired for row in rows] == [1] * count
    return [(row.detected_at - row.due_at).total_seconds() for row in rows]


async def until_listening(sessions: Sessions) -> int:
    """The server process that serves the LISTEN connection, as soon as there is one that waits."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'hearback alarms listener' AND state = 'idle' AND query LIKE '%1%'"
    async with asyncio.timeout(10):
        while True:
            async with sessions() as session:
                pid: int | None = (await session.execute(sa.text(query))).scalar()
            if pid is not None:
                return pid
            await asyncio.sleep(0.02)


async def test_a_timer_fires_at_its_instant(database: DatabaseSettings, sessions: Sessions) -> None:
    await set_alarms(sessions, 0.3, 0.6, 0.61, 1.0)

    async with running(database, sessions) as registry:
        late = await lateness(sessions, 4)

    assert all(0 <= seconds <= ON_TIME for seconds in late), late
    assert registry.get_sample_value("hearback_alarms_lateness_seconds_count") == 4
    assert registry.get_sample_value("hearback_alarms_oldest_due_unprocessed_seconds") == 0


async def test_a_backlog_is_fired_by_several_transactions_at_a_time_and_each_timer_once(
    database: DatabaseSettings, sessions: Sessions
) -> None:
    await set_alarms(sessions, *(-60 + i / 1000 for i in range(500)))

    async with running(database, sessions, at_once=20, in_flight=3) as registry:
        late = await lateness(sessions, 500)

    assert len(late) == registry.get_sample_value("hearback_alarms_lateness_seconds_count") == 500


async def test_timers_that_take_longer_than_a_transaction_may_are_fired_in_smaller_ones(
    database: DatabaseSettings, sessions: Sessions
) -> None:
    await set_alarms(sessions, *[-1.0] * 12)
    engine = create_engine(database.model_copy(update={"transaction_timeout_seconds": 0.5}), "test")

    async with running(database, create_sessions(engine), kind=SlowAlarms, at_once=25):
        late = await lateness(sessions, 12, within=60)
    await engine.dispose()

    assert len(late) == 12


async def test_two_loops_fire_each_timer_once_between_them(database: DatabaseSettings, sessions: Sessions) -> None:
    seconds = [0.3 + i / 1000 for i in range(500)]

    async with running(database, sessions) as one, running(database, sessions) as other:
        await set_alarms(sessions, *seconds)
        late = await lateness(sessions, len(seconds))

    counted = [registry.get_sample_value("hearback_alarms_lateness_seconds_count") or 0 for registry in (one, other)]
    assert sum(counted) == len(seconds)
    assert all(0 <= s <= ON_TIME for s in late), max(late)


async def test_more_than_a_batch_of_overdue_timers_fires_at_once(database: DatabaseSettings, sessions: Sessions) -> None:
    await set_alarms(sessions, *[-1.0] * 2100)

    async with running(database, sessions):
        late = await lateness(sessions, 2100)

    assert len(late) == 2100


async def test_a_sleeping_loop_is_woken_for_an_earlier_timer(database: DatabaseSettings, sessions: Sessions) -> None:
    await set_alarms(sessions, 4.0)

    async with running(database, sessions):
        await until_listening(sessions)
        await set_alarms(sessions, 0.2)
        late = await lateness(sessions, 1)

    assert 0 <= late[0] <= ON_TIME


async def test_a_timer_that_nobody_announced_is_late_by_at_most_five_seconds(database: DatabaseSettings, sessions: Sessions) -> None:
    async with running(database, sessions):
        await until_listening(sessions)
        await set_alarms(sessions, 0.2, tell=False)
        late = await lateness(sessions, 1)

    assert 0 <= late[0] <= LONGEST_SLEEP_SECONDS + ON_TIME


async def test_a_dropped_listen_connection_comes_back_and_delays_no_timer(database: DatabaseSettings, sessions: Sessions) -> None:
    async with running(database, sessions):
        first = await until_listening(sessions)
        async with sessions.begin() as session:
            await session.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": first})
        await set_alarms(sessions, 0.1)
        second = await until_listening(sessions)
        await set_alarms(sessions, 0.5)
        late = await lateness(sessions, 2)

    assert first != second
    assert late[0] <= LONGEST_SLEEP_SECONDS + ON_TIME
    assert late[1] <= ON_TIME


async def test_due_timers_wait_until_the_process_is_ready(database: DatabaseSettings, sessions: Sessions) -> None:
    ready = asyncio.Event()
    await set_alarms(sessions, -1.0)

    async with running(database, sessions, ready.is_set) as registry:
        with pytest.raises(TimeoutError):
            await lateness(sessions, 1, within=0.5)
        held = registry.get_sample_value("hearback_alarms_oldest_due_unprocessed_seconds")
        ready.set()
        late = await lateness(sessions, 1)

    assert held is not None and held > 1
    assert late[0] > 1.4


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
async def test_the_zone_of_the_process_does_not_matter(
    database: DatabaseSettings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        await set_alarms(sessions, 0.3)

        async with running(database, sessions):
            late = await lateness(sessions, 1)

    time.tzset()
    assert 0 <= late[0] <= ON_TIME
