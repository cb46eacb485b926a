"""Real complaints of the US CFPB as history: each becomes one case with its own date, its clocks are computed, nothing is announced."""

import asyncio
import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.cli.replay import Result, post_file
from services.simulator.posting import Poster
from shared.contracts.topics import CASES_EVENTS
from tests.shared.kafka.reading import mark
from tests.system.cases import all_cases, announced, clock_of, until_cases
from tests.system.platform import Platform, Service
from tests.system.traffic import post_until_accepted

FILE = Path(__file__).parents[3] / "shared" / "data" / "cfpb_complaints_2023.csv.gz"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"{FILE.name} is not beside this checkout")

ANSWERED_AT = timedelta(hours=12)
"""The file tells the day on which the company got the complaint; its answer is taken to come at noon (UTC) of that day."""
TARGET = timedelta(hours=24)


def day(text: str) -> datetime:
    """00:00 UTC of a date, which is where a date alone lies in the shipped 24×7 calendar."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_every_complaint_becomes_one_silent_case_and_attainment_is_that_of_the_file(
    platform: Platform, ingest: Service, closed_loop: Service
) -> None:
    with gzip.open(FILE, "rt", newline="") as file:
        rows = {row["Complaint ID"]: row for row in csv.DictReader(file)}
    key = await platform.key("cfpb")
    since = await mark(platform.kafka_settings, CASES_EVENTS)
    async with platform.client(ingest, key) as posting, platform.client(closed_loop, key) as reading:
        result = Result()
        for _ in range(2):
            await post_file(Poster(posting, print), FILE, result, show=lambda: None)
        cases = await until_cases(reading, len(rows), seconds=120)
        replies = [
            {
                "specversion": "1.0",
                "id": f"reply-{case['origin']['id']}",
                "source": "/cfpb",
                "type": "interaction.replied.v1",
                "time": (day(rows[case["origin"]["id"]]["Date sent to company"]) + ANSWERED_AT).isoformat(),
                "backfill": True,
                "data": {"channel": "mail", "by": "human", "public": True, "case": case["id"], "text": "answered"},
            }
            for case in cases
        ]
        for at in range(0, len(replies), 500):
            await post_until_accepted(posting, replies[at : at + 500])
        async with asyncio.timeout(120):
            while not all(case["responded_at"] for case in await all_cases(reading)):
                await asyncio.sleep(0.5)
        answered = await all_cases(reading)

    assert sorted(case["origin"]["id"] for case in answered) == sorted(rows)
    assert all(datetime.fromisoformat(case["received_at"]) == day(rows[case["origin"]["id"]]["Date received"]) for case in answered)
    assert all(case["backfill"] and case["silent"] for case in answered)
    met = {case["origin"]["id"] for case in answered if clock_of(case, "first_response")["status"] == "met"}
    breached = {case["origin"]["id"] for case in answered if clock_of(case, "first_response")["status"] == "breached"}
    expected = {id for id, row in rows.items() if day(row["Date sent to company"]) + ANSWERED_AT - day(row["Date received"]) <= TARGET}
    assert met == expected
    assert breached == rows.keys() - expected
    assert 0 < len(expected) < len(rows)
    told = await announced(platform, since, "cfpb")
    assert all(event.get("backfill") for event in told)
    assert not [event for event in told if event["type"] in ("clock.warned.v1", "clock.breached.v1")]
