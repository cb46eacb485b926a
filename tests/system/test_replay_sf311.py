"""Real complaints of San Francisco through the public API as history: the numbers are those that the file itself gives."""

import asyncio
import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.replay import Result, post_file
from services.simulator.posting import Poster
from tests.system.platform import Platform, Service

FILE = Path(__file__).parents[3] / "shared" / "data" / "sf311_service_requests.csv.gz"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not beside this checkout")

CHANNELS = {"Phone": "phone", "Web": "web", "Mobile/Open311": "app", "Twitter": "social", "Email": "email",
            "Integrated Agency": "other", "Other Department": "other"}  # fmt: skip
RANGES = {
    "everything": (datetime(2000, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)),
    "some years": (datetime(2012, 1, 1, tzinfo=UTC), datetime(2014, 6, 17, 9, 41, tzinfo=UTC)),
    "a month": (datetime(2016, 2, 29, 0, 1, tzinfo=UTC), datetime(2016, 3, 30, 23, 59, tzinfo=UTC)),
}
Counts = dict[str, tuple[int, int]]
"""Channel ("" is all of them) → complaints and completed interactions."""


def counted(start: datetime, to: datetime) -> Counts:
    """What the file says of [start, to): complaints by their opening, interactions by their end."""
    complaints: Counter[str] = Counter()
    interactions: Counter[str] = Counter()
    for row in _rows():
        opened = datetime.fromisoformat(row["created_date"])
        closed = datetime.fromisoformat(row["closed_date"]) if row["closed_date"] else None
        for channel in ("", CHANNELS[row["source"]]):
            complaints[channel] += "Commendation" not in row["descriptor"] and start <= opened < to
            interactions[channel] += row["status"] == "Closed" and closed is not None and closed >= opened and start <= closed < to
    return {channel: (complaints[channel], interactions[channel]) for channel in complaints if complaints[channel] or interactions[channel]}


def _rows() -> Iterator[dict[str, str]]:
    with gzip.open(FILE, "rt", newline="") as file:
        yield from csv.DictReader(file)


async def told(client: httpx.AsyncClient, start: datetime, to: datetime) -> dict[str, dict[str, Any]]:
    """Channel → the item that scoring answers, where anything was observed."""
    items: dict[str, dict[str, Any]] = {}
    for grouping in ({}, {"group_by": "channel"}):
        query = {"metric": "complaint_rate", "from": start.isoformat(), "to": to.isoformat(), **grouping}
        answer = await client.get("/v1/metrics", params=query)
        assert answer.status_code == 200, answer.text
        found = {item["slice"].get("channel", ""): item for item in answer.json()["items"]}
        items |= {channel: item for channel, item in found.items() if any(item["components"].values())}
    return items


def counts(items: dict[str, dict[str, Any]]) -> Counts:
    """The counts in what scoring answers."""
    return {c: (int(item["components"]["complaints"]), int(item["components"]["interactions"])) for c, item in items.items()}


async def test_a_replay_that_was_broken_off_and_begun_again_gives_the_numbers_of_the_file(
    platform: Platform, ingest: Service, scoring: Service
) -> None:
    key = await platform.key("san-francisco")
    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        poster = Poster(posting, print)
        await _break_off(poster, after_events=3000)
        result = Result()

        await post_file(poster, FILE, result, show=lambda: None)

        everything = counted(*RANGES["everything"])
        async with asyncio.timeout(120):
            while counts(await told(reading, *RANGES["everything"])) != everything:
                await asyncio.sleep(0.5)
        answers = {name: await told(reading, *span) for name, span in RANGES.items()}

    rows = list(_rows())
    praise = sum("Commendation" in row["descriptor"] for row in rows)
    assert (result.reading.rows, result.refused.total(), result.reading.left_out.total()) == (len(rows), 0, 0)
    assert result.reading.irregular == {"closes before it opens": 17}
    assert result.accepted == everything[""][0] + everything[""][1] + praise
    assert result.duplicates >= 3000
    for name, items in answers.items():
        expected = counted(*RANGES[name])
        assert counts(items) == expected, name
        assert len(expected) > 3
        for channel, (complaints, interactions) in expected.items():
            rate = 1000 * complaints / interactions if interactions else None
            assert items[channel]["value"] == (None if rate is None else pytest.approx(rate)), (name, channel)
            assert items[channel]["n"] == interactions


async def _break_off(poster: Poster, after_events: int) -> None:
    """Begin a replay and end it in the middle, with batches on their way."""
    begun, enough = Result(), asyncio.Event()

    def look() -> None:
        if begun.accepted >= after_events:
            enough.set()

    replaying = asyncio.create_task(post_file(poster, FILE, begun, look))
    await asyncio.wait_for(enough.wait(), 60)
    replaying.cancel()
    await asyncio.wait({replaying})
