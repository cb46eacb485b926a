"""When a breach is detected: never before its due and hardly after it, whatever the clock or the zone of the process that detects it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from tests.shared.kafka.reading import Mark, mark
from tests.system.cases import announced, until_cases
from tests.system.platform import Platform, Service
from tests.system.traffic import Event, post_until_accepted

POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": 4}]}]}
COMPLAINTS = 61
APART_SECONDS = 5.0
DETECTED_WITHIN = timedelta(seconds=APART_SECONDS) / 2
"""Well before the clock that is slow would say so; so much may a busy machine need. How late breaches are is measured in bench."""


def complaint(number: int) -> Event:
    data = {"channel": "email", "text": "Nobody answers."}
    at = utc_now().isoformat()
    return {"specversion": "1.0", "id": f"c-{number}", "source": "/t", "type": "feedback.complaint_raised.v1", "time": at, "data": data}


@pytest.mark.parametrize(
    ("tenant", "clocks_ahead", "zones"),
    [("clocks-apart", (-APART_SECONDS, APART_SECONDS), (None, None)), ("zones-apart", (0.0, 0.0), ("Asia/Kolkata", "America/New_York"))],
)
async def test_no_breach_is_early_and_none_is_late(
    platform: Platform, ingest: Service, tenant: str, clocks_ahead: Sequence[float], zones: Sequence[str | None]
) -> None:
    key = await platform.key(tenant)
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    running = [service for service in platform.services if service.name == "closed_loop"]
    for service in running:
        await service.terminate()
    pair = [await platform.start("closed_loop", clock_ahead_seconds=a, zone=z) for a, z in zip(clocks_ahead, zones, strict=True)]
    try:
        async with platform.client(ingest, key) as posting, platform.client(pair[0], key) as reading:
            assert (await reading.put("/v1/policies", json=POLICY)).status_code == 200
            await post_until_accepted(posting, [complaint(0)])  # what stood in the log before is read when this one is breached
            await until_breaches(platform, since, tenant, 1)
            for number in range(1, COMPLAINTS, 5):
                await post_until_accepted(posting, [complaint(n) for n in range(number, number + 5)])
            cases = await until_cases(reading, COMPLAINTS)
            breaches = await until_breaches(platform, since, tenant, COMPLAINTS)
    finally:
        codes = [await platform.stop(process) for process in pair]
        for service in running:
            await service.start()

    assert codes == [0, 0]
    dues = {case["id"]: datetime.fromisoformat(case["clocks"][0]["due_at"]) for case in cases if case["origin"]["id"] != "c-0"}
    late = {case: breaches[case] - due for case, due in dues.items()}
    assert min(late.values()) > timedelta()
    assert max(late.values()) <= DETECTED_WITHIN


async def until_breaches(platform: Platform, since: Mark, tenant: str, count: int) -> dict[str, datetime]:
    """Case → when its breach was detected, as soon as so many are announced."""
    async with asyncio.timeout(90):
        while True:
            told = [event for event in await announced(platform, since, tenant) if event["type"] == "clock.breached.v1"]
            if len(told) >= count:
                return {event["data"]["case"]: datetime.fromisoformat(event["time"]) for event in told}
            await asyncio.sleep(0.2)
