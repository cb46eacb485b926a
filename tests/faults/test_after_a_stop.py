"""closed_loop was away while customers complained and were answered: what it announces when it is back is true, complete, once, the
worst first. And a breach that was taken back and comes again is told again."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.closed_loop.domain.case import SEVERITIES, case_id
from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import Mark, mark, read
from tests.system.platform import QUICK_WAITS, Platform, Service
from tests.system.receiver import Received
from tests.system.traffic import Event, post_until_accepted

SOURCE = "/desk"
TARGET = timedelta(minutes=15)
RECEIVED_BACK = timedelta(minutes=20)
ANSWERED_AFTER = timedelta(minutes=10)
KNOWN_DUE_IN = timedelta(seconds=5)
KNOWN, NEW = 24, 120
POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": TARGET.total_seconds()}]}]}
ROUTE = {"receiver": "default", "group_by": ["case"], "group_wait": "0s", "group_interval": "1s"}
OLDEST_DUE = "hearback_clocks_oldest_due_unprocessed_seconds"
ANNOUNCED = """
    SELECT j.case_id, c.severity, (j.details ->> 'due_at')::timestamptz AS due_at, j.at FROM journal j JOIN cases c ON c.id = j.case_id
    WHERE j.tenant = $1 AND c.tenant = $1 AND j.entry = 'clock.breached' ORDER BY j.position
"""
ALL = ("api", "consumer", "timers")


@pytest_asyncio.fixture(scope="module")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """ingest, closed_loop and alerts."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("services"))
    await platform.prepare("ingest", "closed_loop", "alerts", waits=QUICK_WAITS)
    try:
        await asyncio.gather(*(platform.start(name) for name in ("ingest", "closed_loop", "alerts")))
        yield platform
    finally:
        await platform.stop_all()


def complaint(id: str, received_at: datetime, severity: str = "normal") -> Event:
    data = {"channel": "mail", "customer": {"id": f"customer-{id}"}, "text": "Nobody answers.", "severity": severity,
            "received_at": received_at.isoformat()}  # fmt: skip
    return event(id, "feedback.complaint_raised.v1", utc_now(), data)


def reply(to: Event, tenant: str, at: datetime, **said: Any) -> Event:
    case = case_id(tenant, SOURCE, to["id"])
    data = {"channel": "mail", "customer": to["data"]["customer"], "by": "human", "public": True, "case": case, "text": "We look into it."}
    return event(f"reply-{to['id']}", "interaction.replied.v1", at, {**data, **said})


def event(id: str, type: str, at: datetime, data: dict[str, Any]) -> Event:
    return {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "time": at.isoformat(), "data": data}


def received_at(of: Event) -> datetime:
    return datetime.fromisoformat(of["data"]["received_at"])


@pytest.mark.parametrize("replicas", [(ALL, ALL), (("timers",), ("api", "consumer"))], ids=["two", "timers-first"])
async def test_after_a_stop_only_what_was_not_answered_is_announced_once_and_the_worst_first(
    platform: Platform, replicas: Sequence[Sequence[str]]
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    tenant = f"stopped-{'-'.join(map(str, map(len, replicas)))}"
    key = await platform.key(tenant)
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    async with platform.client(platform.one("ingest"), key) as posting:
        known = await opened_and_due_soon(platform, posting, tenant, key, rng)
        await stop_closed_loop(platform)

        new = [complaint(f"new-{n}", utc_now() - RECEIVED_BACK - timedelta(seconds=n % 7), rng.choice(SEVERITIES)) for n in range(NEW)]
        answered = [*rng.sample(known, len(known) // 2), *rng.sample(new, len(new) // 2)]
        await post_until_accepted(posting, new)
        await post_until_accepted(posting, [reply(one, tenant, received_at(one) + ANSWERED_AFTER) for one in answered])
    await start_after_the_due(platform, replicas, max(map(received_at, known)) + TARGET)
    unanswered = {case_id(tenant, SOURCE, one["id"]) for one in (*known, *new) if one not in answered}
    told = await until_breaches(platform, since, tenant, len(unanswered))

    assert {event["type"] for event in told} == {
        "case.opened.v1",
        "case.changed.v1",
        "clock.started.v1",
        "clock.met.v1",
        "clock.breached.v1",
    }
    assert {event["data"]["case"] for event in told if event["type"] == "clock.met.v1"}.isdisjoint(unanswered)
    breaches = [event for event in told if event["type"] == "clock.breached.v1"]
    assert Counter(event["data"]["case"] for event in breaches) == Counter(unanswered)
    assert Counter(Counter(event["id"] for event in breaches).values()) == {1: len(unanswered)}
    async with platform.database("closed_loop") as database:
        rows = await database.fetch(ANNOUNCED, tenant)
    ranks = {row["case_id"]: (-SEVERITIES.index(row["severity"]), row["due_at"]) for row in rows}
    assert list(ranks.values()) == sorted(ranks.values())
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    for _, part in groupby(breaches, key=lambda event: event["partition"]):
        on_partition = [ranks[event["data"]["case"]] for event in part]
        assert on_partition == sorted(on_partition)


async def test_a_breach_that_was_taken_back_and_comes_again_is_told_again(platform: Platform, receiver: Received) -> None:
    tenant = "again"
    key = await platform.key(tenant)
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    async with platform.client(platform.one("alerts"), key) as alarm:
        assert (await alarm.put("/v1/receivers/default", json={"kind": "webhook", "url": receiver.url})).is_success
        assert (await alarm.put("/v1/routes", json=ROUTE)).is_success
    await set_policy(platform, key)
    late = complaint("late", utc_now() - RECEIVED_BACK)
    in_time = received_at(late) + ANSWERED_AFTER

    async with platform.client(platform.one("ingest"), key) as posting:
        await post_until_accepted(posting, [late])
        await until_told(receiver, ["firing"])
        await post_until_accepted(posting, [reply(late, tenant, in_time)])
        await until_told(receiver, ["firing", "resolved"])
        await post_until_accepted(posting, [reply(late, tenant, in_time, public=False, revision=2)])
        await until_told(receiver, ["firing", "resolved", "firing"])
    told = [event for event in await on_topic(platform, since, tenant) if event["type"].startswith("clock.")]

    story = [(event["type"].split(".")[1], event["data"]["generation"]) for event in told]
    assert story == [("started", 1), ("breached", 1), ("retracted", 1), ("met", 2), ("resumed", 2), ("breached", 2)]
    assert len({event["id"] for event in told}) == len(told)
    assert len({headers["webhook-id"] for headers, _ in receiver.webhooks}) == 3


async def opened_and_due_soon(platform: Platform, posting: httpx.AsyncClient, tenant: str, key: str, rng: random.Random) -> list[Event]:
    """Complaints whose cases are open, and due in a few seconds."""
    await set_policy(platform, key)
    known = [complaint(f"known-{n}", utc_now() - TARGET + KNOWN_DUE_IN, rng.choice(SEVERITIES)) for n in range(KNOWN)]
    await post_until_accepted(posting, known)
    async with platform.client(with_api(platform), key) as reading, asyncio.timeout(30):
        while len((await reading.get("/v1/cases", params={"limit": 200})).json()["items"]) < KNOWN:
            await asyncio.sleep(0.05)
    return known


async def set_policy(platform: Platform, key: str) -> None:
    async with platform.client(with_api(platform), key) as client:
        assert (saved := await client.put("/v1/policies", json=POLICY)).is_success, saved.text


def with_api(platform: Platform) -> Service:
    """The closed_loop that was started last: in every test that one has all roles but perhaps the timers."""
    return next(service for service in reversed(platform.services) if service.name == "closed_loop")


async def stop_closed_loop(platform: Platform) -> None:
    running = [service for service in platform.services if service.name == "closed_loop"]
    assert await asyncio.gather(*(platform.stop(service) for service in running)) == [0] * len(running)


async def start_after_the_due(platform: Platform, replicas: Sequence[Sequence[str]], due_at: datetime) -> None:
    """Start closed_loop when `due_at` has passed; of replicas in different roles the next one when the timers of the first have seen it."""
    await asyncio.sleep((due_at - utc_now()).total_seconds() + 0.1)
    if len(set(map(tuple, replicas))) == 1:
        await asyncio.gather(*(platform.start("closed_loop", roles=roles) for roles in replicas))
        return
    timers: Service = await platform.start("closed_loop", roles=replicas[0])
    async with asyncio.timeout(30):
        while await timers.metric(OLDEST_DUE) < 1:
            await asyncio.sleep(0.1)
    for roles in replicas[1:]:
        await platform.start("closed_loop", roles=roles)


async def until_breaches(platform: Platform, since: Mark, tenant: str, count: int) -> list[dict[str, Any]]:
    """What the topic says of the tenant as soon as there are so many breaches and nothing waits any more."""
    left = "SELECT (SELECT count(*) FROM clocks WHERE tenant = $1 AND next_at <= now()) + (SELECT count(*) FROM outbox)"
    async with asyncio.timeout(60), platform.database("closed_loop") as database:
        while True:
            told = await on_topic(platform, since, tenant)
            if sum(event["type"] == "clock.breached.v1" for event in told) >= count and not await database.fetchval(left, tenant):
                return await on_topic(platform, since, tenant)
            await asyncio.sleep(0.2)


async def on_topic(platform: Platform, since: Mark, tenant: str) -> list[dict[str, Any]]:
    """The tenant's records on cases.events.v1, partition by partition, each with its partition."""
    records = await read(platform.kafka_settings, since)
    told = [{**json.loads(record.value), "partition": record.partition} for record in records]
    return [event for event in told if event["tenant"] == tenant]


async def until_told(receiver: Received, statuses: Sequence[str]) -> None:
    """The receiver has got webhooks of these statuses, in this order."""
    async with asyncio.timeout(30):
        while len(receiver.webhooks) < len(statuses):
            await asyncio.sleep(0.05)
    assert [json.loads(body)["status"] for _, body in receiver.webhooks] == list(statuses)
