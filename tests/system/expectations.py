"""Waits until scoring tells what the truth is, and says what differs when it does not."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.clock import utc_now
from tests.system.traffic import Event
from tests.system.truth import METRICS, numbers

Told = dict[str, dict[str, dict[str, Any]]]


async def tell(client: httpx.AsyncClient, start: datetime, to: datetime) -> Told:
    """What scoring tells: metric → slice → value, n and interval, where anything was observed."""
    told: Told = {}
    for metric in METRICS:
        for grouping in ({}, {"group_by": "channel"}):
            query = {"metric": metric, "from": start.isoformat(), "to": to.isoformat(), **grouping}
            answer = await client.get("/v1/metrics", params=query)
            assert answer.status_code == 200, answer.text
            for item in answer.json()["items"]:
                where = item["slice"].get("channel", "")
                if item["n"] or any(item["components"].values()):
                    told.setdefault(metric, {})[where] = {name: item[name] for name in ("value", "n", "ci_low", "ci_high")}
    return told


async def expect_truth(client: httpx.AsyncClient, events: Sequence[Event], start: datetime, to: datetime, seconds: float = 60.0) -> None:
    """Every number and interval equals the recomputation, and still does when everything in the log has been read."""
    truth = {
        metric: {where: pytest.approx(told, rel=1e-9, abs=1e-9) for where, told in slices.items()}
        for metric, slices in numbers(events, start, to).items()
    }
    deadline = utc_now().timestamp() + seconds
    while (told := await tell(client, start, to)) != truth and utc_now().timestamp() < deadline:
        await asyncio.sleep(0.25)
    assert told == truth, _difference(told, numbers(events, start, to))
    await everything_read(client)
    assert await tell(client, start, to) == truth


async def everything_read(client: httpx.AsyncClient, seconds: float = 30.0) -> None:
    """Wait until scoring has read what stands in the live log now."""
    now = utc_now()
    async with asyncio.timeout(seconds):
        while True:
            mark = (await client.get("/v1/metrics", params={"metric": "nps", "window": "5m"})).json()["watermark"]
            if mark is not None and datetime.fromisoformat(mark) >= now:
                return
            await asyncio.sleep(0.1)


def _difference(told: Told, truth: Told) -> str:
    lines = [
        f"{metric} {where or 'total'}: told {told.get(metric, {}).get(where)}, truth {expected}"
        for metric, slices in truth.items()
        for where, expected in slices.items()
        if told.get(metric, {}).get(where) != pytest.approx(expected, rel=1e-9, abs=1e-9)
    ]
    return "\n".join(lines)
