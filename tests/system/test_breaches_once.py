"""Each complaint becomes one case and each breach is announced once, whatever is killed while complaints arrive and fall due."""

import asyncio
import json
import random
from datetime import datetime

import httpx
import pytest

from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from tests.shared.kafka.reading import Mark, mark
from tests.system.cases import announced, clock_of, until_cases
from tests.system.platform import Platform, Service
from tests.system.receiver import Received
from tests.system.traffic import Event, post_until_accepted

TARGET_SECONDS = 3
POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": TARGET_SECONDS}]}]}
ROUTE = {"receiver": "default", "group_by": ["case"], "group_wait": "0s", "group_interval": "1s"}
COMPLAINTS = 240


def complaint(number: int) -> Event:
    return {
        "specversion": "1.0",
        "id": f"complaint-{number}",
        "source": "/test",
        "type": "feedback.complaint_raised.v1",
        "time": utc_now().isoformat(),
        "data": {"channel": "email", "text": "Nobody answers. 没有人回复。", "severity": random.choice(("low", "normal", "critical"))},
    }


@pytest.mark.parametrize("replicas", [1, 2])
async def test_one_case_a_complaint_and_one_announcement_a_breach_through_kills(
    platform: Platform, ingest: Service, closed_loop: Service, alerts: Service, receiver: Received, replicas: int
) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    tenant = f"breaches-{replicas}"
    key = await platform.key(tenant)
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    doubles = [await platform.start(name) for name in ("closed_loop", "alerts")] if replicas == 2 else []
    processes = [closed_loop, alerts, *doubles]

    async with platform.client(ingest, key) as posting, platform.client(closed_loop, key) as reading:
        async with platform.client(alerts, key) as alarm:
            for path, document in (("receivers/default", {"kind": "webhook", "url": receiver.url}), ("routes", ROUTE)):
                assert (saved := await alarm.put(f"/v1/{path}", json=document)).is_success, saved.text
        put = await reading.put("/v1/policies", json=POLICY)
        assert put.status_code == 200, put.text
        arriving = asyncio.create_task(arrive(posting, rng))
        for process in rng.sample(processes * 2, 4):
            await asyncio.sleep(rng.uniform(0.5, 2.5))
            await process.kill()
            await process.start()
        await arriving
        cases = await until_cases(reading, COMPLAINTS)
        async with asyncio.timeout(60):
            while len({breach["data"]["case"] for breach in await breaches(platform, since, tenant)}) < COMPLAINTS:
                await asyncio.sleep(0.5)
        shown = await until_cases(reading, COMPLAINTS)
        async with asyncio.timeout(60):
            while len(firing := told_to(receiver)) < COMPLAINTS:
                await asyncio.sleep(0.3)
        await asyncio.sleep(2)  # time for a second announcement, were there one

    told = await breaches(platform, since, tenant)
    for process in doubles:
        assert await platform.stop(process) == 0
    assert sorted(case["origin"]["id"] for case in cases) == sorted(f"complaint-{number}" for number in range(COMPLAINTS))
    assert len({breach["id"] for breach in told}) == COMPLAINTS, "one event id a breach, however often its bytes lie on the topic"
    assert {breach["data"]["case"] for breach in told} == {case["id"] for case in cases}
    assert {case: len(ids) for case, ids in firing.items()} == {case["id"]: 1 for case in cases}, "one webhook-id a breach"
    for case in shown:
        clock = clock_of(case, "first_response")
        assert clock["status"] == "breached"
        opened, breached = datetime.fromisoformat(case["received_at"]), datetime.fromisoformat(clock["breached_at"])
        assert (breached - opened).total_seconds() == pytest.approx(TARGET_SECONDS, abs=1e-5)


def told_to(receiver: Received) -> dict[str, set[str]]:
    """Case → the webhook-ids under which the receiver was told that it fires."""
    told: dict[str, set[str]] = {}
    for headers, body in receiver.webhooks:
        for alert in json.loads(body)["alerts"]:
            if alert["status"] == "firing":
                told.setdefault(alert["labels"]["case"], set()).add(headers["webhook-id"])
    return told


async def arrive(posting: httpx.AsyncClient, rng: random.Random) -> None:
    """Complaints in small groups over several seconds, so that some fall due while others come."""
    number = 0
    while number < COMPLAINTS:
        size = min(rng.randint(1, 15), COMPLAINTS - number)
        await post_until_accepted(posting, [complaint(n) for n in range(number, number + size)])
        number += size
        await asyncio.sleep(rng.uniform(0.05, 0.35))


async def breaches(platform: Platform, since: Mark, tenant: str) -> list[Event]:
    """Every breach announced, repeated bytes included."""
    return [event for event in await announced(platform, since, tenant) if event["type"] == "clock.breached.v1"]
