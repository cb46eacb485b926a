"""Timers on a real database: at the instant, once, by whoever comes first, and not while an older answer may stand unread."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.closed_loop.catching_up import CatchingUp
from services.closed_loop.configuration import Calendars
from services.closed_loop.domain import commands
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.domain.decisions import carry_out
from services.closed_loop.sources import GROUP, LIVE
from services.closed_loop.store import CaseKey, clock_now, load, save
from services.closed_loop.timers import clock_loop
from shared.database.engine import Sessions
from shared.database.timers import TimerLoop, TimerMetrics
from shared.settings import DatabaseSettings, KafkaSettings
from tests.closed_loop.cases.world import SECOND, TENANT, World, case_of, complaint, policies, reply, utc_now

HOUR = timedelta(hours=1)


async def first_response(world: World, case: str) -> CaseClock:
    return next(clock for clock in (await world.file(case)).clocks if clock.kind == "first_response")


async def unread_since(world: World, age: timedelta | None) -> None:
    """Say what the consumer last told of a live partition: the age of its oldest unread record, None at the log's end."""
    async with world.sessions.begin() as session:
        await session.execute(
            text("""
                INSERT INTO consumer_offsets (consumer_group, topic, partition, cluster_id, next_offset, watermark, oldest_unread)
                VALUES (:group, :topic, 0, 'x', 0, now(), now() - CAST(:age AS interval))
                ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET oldest_unread = excluded.oldest_unread
            """),
            {"group": GROUP, "topic": LIVE[0], "age": age},
        )


async def command(world: World, case: str, wanted: commands.Command) -> None:
    """Carried out as the API does it, without telling anybody."""
    async with world.sessions.begin() as session:
        file = (await load(session, world.calendars, [CaseKey(TENANT, case)]))[CaseKey(TENANT, case)]
        await save(session, [(file, carry_out(file, wanted, await clock_now(session)).file)])


@asynccontextmanager
async def running(world: World, database: DatabaseSettings, ready: Callable[[], bool] = lambda: True) -> AsyncIterator[TimerLoop]:
    """A timer loop of its own replica."""
    metrics = TimerMetrics("hearback_clocks", CollectorRegistry())
    loop = clock_loop(database, world.sessions, Calendars(), metrics, ready)
    stop = asyncio.Event()
    task = asyncio.create_task(loop.run(stop, lambda: None))
    yield loop
    stop.set()
    await task


async def until_some_fire(world: World) -> int:
    """How many clocks fire together, as soon as any does."""
    async with asyncio.timeout(10):
        while not (fired := await world.fire()):
            await asyncio.sleep(0.02)
    return fired


async def until(world: World, case: str, type: str, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while type not in await world.story(case):
            await asyncio.sleep(0.02)


async def test_nothing_fires_before_its_instant(world: World) -> None:
    await world.happen(complaint("a"))

    assert await world.fire() == 0
    assert (await first_response(world, case_of("a"))).next_at is not None


async def test_what_is_due_is_announced_once_and_recorded_with_its_detection(world: World) -> None:
    start = utc_now() - 25 * HOUR
    await world.happen(complaint("a", at=start))

    fired = [await world.fire() for _ in range(3)]

    assert fired == [1, 0, 0]
    (breached,) = [one for one in await world.said(case_of("a")) if one.type in ("clock.warned.v1", "clock.breached.v1")]
    assert breached.data.due_at == breached.data.breached_at == start + 24 * HOUR
    (noted,) = [one for one in (await first_response(world, case_of("a"))).announced if one.kind == "breached"]
    assert (noted.at, noted.detected_at) == (breached.data.due_at, breached.time)


async def test_warnings_and_breach_are_announced_as_time_passes(world: World) -> None:
    await world.configure(policies(2, warn=[50, 150]))
    await world.happen(complaint("a", at=utc_now() - SECOND / 2))
    case = case_of("a")

    for due in (1, 2, 3):
        received_at = (await world.file(case)).case.received_at
        await asyncio.sleep(max(0.0, (received_at + due * SECOND - utc_now()).total_seconds() + 0.05))
        assert await world.fire() == 1

    said = [(one.type, one.data.percent) for one in await world.said(case) if one.type in ("clock.warned.v1", "clock.breached.v1")]
    assert said == [("clock.warned.v1", 50), ("clock.breached.v1", None), ("clock.warned.v1", 150)]


async def test_an_answer_before_the_timer_leaves_it_nothing_to_do(world: World) -> None:
    await world.happen(complaint("a", at=utc_now() - HOUR), reply("r", case_of("a")))

    assert (await first_response(world, case_of("a"))).next_at is None


async def test_the_highest_severity_fires_first_then_the_earliest_due(world: World) -> None:
    start = utc_now() - 30 * HOUR
    said = [("n2", "normal", 2), ("l", "low", 0), ("c2", "critical", 2), ("n1", "normal", 1), ("c1", "critical", 1), ("h", "high", 3)]
    await world.happen(*(complaint(id, at=start + hours * HOUR, severity=severity) for id, severity, hours in said))

    while await world.fire(limit=1):
        pass

    order = [one.data.case for one in await world.said() if one.type == "clock.breached.v1"]
    assert order == [case_of(id) for id in ("c1", "c2", "h", "n1", "n2", "l")]


async def test_two_runners_at_once_announce_each_breach_once(world: World) -> None:
    start = utc_now() - 30 * HOUR
    await world.happen(*(complaint(f"e{n}", at=start) for n in range(60)))
    runners = [World(world.sessions) for _ in range(4)]

    async def empty(runner: World) -> int:
        total = 0
        while fired := await runner.fire(limit=7):
            total += fired
        return total

    fired = await asyncio.gather(*(empty(runner) for runner in runners))

    assert sum(fired) == 60
    breached = [one for one in await world.said() if one.type == "clock.breached.v1"]
    assert len(breached) == len({one.id for one in breached}) == 60


async def test_a_due_waits_while_an_older_record_is_unread(world: World) -> None:
    await world.configure(policies(10))
    await world.happen(complaint("a", at=utc_now() - 15 * SECOND))

    await unread_since(world, 6 * SECOND)
    behind = await world.fire()
    await unread_since(world, 2 * SECOND)
    unread_is_younger = await world.fire()

    assert (behind, unread_is_younger) == (0, 1)


async def test_a_due_does_not_wait_at_the_end_of_the_log(world: World) -> None:
    await world.configure(policies(10))
    await world.happen(complaint("a", at=utc_now() - 15 * SECOND))

    await unread_since(world, None)

    assert await world.fire() == 1


async def test_a_due_waits_for_a_minute_at_most(world: World) -> None:
    await world.configure(policies(10))
    await world.happen(complaint("a", at=utc_now() - 71 * SECOND), complaint("b", at=utc_now() - 65 * SECOND))

    await unread_since(world, HOUR)

    assert await world.fire() == 1
    assert "clock.breached" in await world.story(case_of("a"))
    assert "clock.breached" not in await world.story(case_of("b"))


async def test_after_a_start_timers_wait_for_what_is_unread_and_a_minute_at_most(sessions: Sessions) -> None:
    now = [100.0]
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1")
    catching_up = CatchingUp(nowhere, sessions, GROUP, LIVE, timedelta(seconds=60), lambda: now[0])
    answers = [catching_up.over()]

    now[0] = 159.9
    answers.append(catching_up.over())
    now[0] = 160.0
    answers.append(catching_up.over())

    assert answers == [False, False, True]


async def test_a_case_that_somebody_holds_is_left_and_fires_when_it_is_free(world: World) -> None:
    await world.happen(complaint("a", at=utc_now() - 30 * HOUR), complaint("b", at=utc_now() - 30 * HOUR))
    async with world.sessions.begin() as session:
        await load(session, world.calendars, [CaseKey(TENANT, case_of("a"))])
        while_held = await world.fire()

    assert (while_held, await world.fire()) == (1, 1)


async def test_a_pause_holds_the_due_up_and_its_limit_ends_it(world: World) -> None:
    await world.configure(policies(10))
    case = case_of("a")
    await world.happen(complaint("a", at=utc_now() - 9 * SECOND))

    await command(world, case, commands.Pause(reason="waiting_on_customer", until=utc_now() + 3 * SECOND))
    paused = await first_response(world, case)
    await asyncio.sleep(1.2)
    while_paused = await world.fire()
    at_limit = await until_some_fire(world)
    last = await until_some_fire(world)

    assert (paused.activity, paused.due_at, while_paused, at_limit, last) == ("paused", None, 0, 2, 1)
    types = [type.split(".")[1] for type in await world.story(case, "first_response")]
    assert types == ["started", "resumed", "breached"]
    clock = await first_response(world, case)
    reading = clock.read(utc_now())
    assert 2 < reading.paused.total_seconds() <= 3
    assert reading.due_at is not None


async def test_the_loop_fires_at_the_instant(world: World, closed_loop_database: DatabaseSettings) -> None:
    await world.configure(policies(1.5, warn=[50]))
    async with running(world, closed_loop_database):
        await world.happen(complaint("a"))
        await until(world, case_of("a"), "clock.breached")

    late = {one.kind: one.detected_at - one.at for one in (await first_response(world, case_of("a"))).announced}
    assert set(late) == {"warned", "breached"}
    assert all(timedelta() <= lateness < 3 * SECOND for lateness in late.values()), "a loop that is not woken sleeps for five"


async def test_two_loops_announce_each_breach_once(world: World, closed_loop_database: DatabaseSettings) -> None:
    await world.configure(policies(1))
    async with running(world, closed_loop_database), running(world, closed_loop_database):
        await world.happen(*(complaint(f"e{n}") for n in range(40)))
        async with asyncio.timeout(15):
            while len([one for one in await world.said() if one.type == "clock.breached.v1"]) < 40:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)

    breached = [one for one in await world.said() if one.type == "clock.breached.v1"]
    assert len(breached) == len({one.id for one in breached}) == 40


async def test_no_timer_is_more_than_five_seconds_late_when_the_listening_connection_is_dropped(
    world: World, closed_loop_database: DatabaseSettings
) -> None:
    await world.configure(policies(0.5))
    async with running(world, closed_loop_database):
        await asyncio.sleep(0.5)
        async with world.sessions.begin() as session:
            await session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%listener'"))
        await world.happen(complaint("a"))
        await until(world, case_of("a"), "clock.breached")

    (breach,) = (await first_response(world, case_of("a"))).announced
    assert breach.detected_at - breach.at < 7 * SECOND, "five, and what a busy machine adds"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
async def test_the_zone_of_the_process_does_not_matter(world: World, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        await world.configure(policies(10))
        await world.happen(complaint("early", at=utc_now() - 9 * SECOND), complaint("late", at=utc_now() - 11 * SECOND))
        fired = await world.fire()
    finally:
        monkeypatch.undo()
        time.tzset()

    assert fired == 1
    assert "clock.breached" in await world.story(case_of("late"))
