"""What closed_loop tells of the cases of a tenant, and what it has announced."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx

from shared.contracts.topics import CASES_EVENTS
from tests.shared.kafka.reading import Mark, read
from tests.system.platform import Platform

Case = dict[str, Any]


async def all_cases(client: httpx.AsyncClient) -> list[Case]:
    """Every case of the tenant, all pages."""
    cases: list[Case] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.get("/v1/cases", params={"limit": 200, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        cases += answer.json()["items"]
        cursor = answer.json()["next"]
    return cases


async def until_cases(client: httpx.AsyncClient, count: int, seconds: float = 60) -> list[Case]:
    """The tenant's cases, as soon as there are `count`; one too many fails at once."""
    async with asyncio.timeout(seconds):
        while len(cases := await all_cases(client)) < count:
            await asyncio.sleep(0.3)
    assert len(cases) == count
    return cases


async def announced(platform: Platform, since: Mark, tenant: str) -> Sequence[dict[str, Any]]:
    """The tenant's records on cases.events.v1 since `since`, each as it lies there."""
    records = [json.loads(record.value) for record in await read(platform.kafka_settings, since) if record.topic == CASES_EVENTS]
    return [record for record in records if record["tenant"] == tenant]


def clock_of(case: Case, kind: str) -> dict[str, Any]:
    """One clock of a case."""
    [clock] = [clock for clock in case["clocks"] if clock["kind"] == kind]
    return dict(clock)
