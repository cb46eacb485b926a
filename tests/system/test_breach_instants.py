"""When a breach is detected: never before its due and hardly after it, whatever the clock or the zone of the process that detects it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from shared.clock import utc_now
from shared.contracts.topics import CASES_EVENTS
from tests.shared.kafka.reading import mark
from tests.system.cases import announced, until_cases
from tests.system.platform import Platform, Service
from tests.system.traffic import Event, post_until_accepted

POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": 4}]}]}
COMPLAINTS = 60
DETECTED_WITHIN = timedelta(seconds=1)


def complaint(number: int) -> Event:
    data = {"channel": "email", "text": "Nobody answers."}
    at = utc_now().isoformat()
    return {"specversion": "1.0", "id": f"c-{number}", "source": "/t", "type": "feedback.complaint_raised.v1", "time": at, "data": data}


@pytest.mark.parametrize(
    ("tenant", "clocks_ahead", "zones"),
    [("clocks-apart", (-1.0, 1.0), (None, None)), ("zones-apart", (0.0, 0.0), ("Asia/Kolkata", "America/New_York"))],
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

    async with platform.client(ingest, key) as posting, platform.client(pair[0], key) as reading:
        assert (await reading.put("/v1/policies", json=POLICY)).status_code == 200
        for number in range(0, COMPLAINTS, 5):
            await post_until_accepted(posting, [complaint(n) for n in range(number, number + 5)])
        cases = await until_cases(reading, COMPLAINTS)
        breaches: dict[str, datetime] = {}
        for _ in range(200):
            told = await announced(platform, since, tenant)
            breaches = {
                event["data"]["case"]: datetime.fromisoformat(event["time"]) for event in told if event["type"] == "clock.breached.v1"
            }
            if len(breaches) == COMPLAINTS:
                break

    for process in pair:
        assert await platform.stop(process) == 0
    for service in running:
        await service.start()
    dues = {case["id"]: datetime.fromisoformat(case["clocks"][0]["due_at"]) for case in cases}
    late = {case: breaches[case] - due for case, due in dues.items()}
    assert min(late.values()) > timedelta()
    assert max(late.values()) <= DETECTED_WITHIN
