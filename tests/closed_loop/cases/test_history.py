"""History as it comes from files: every complaint is one case with its own date, its clocks are computed, and nobody hears of it.

Runs on the CFPB's complaints where that file lies beside the checkout, and on rows of the same shape otherwise. The company's answer is
taken to be the day on which the complaint reached it, in the afternoon; the due is that of the CFPB, the end of the 15th day.
"""

import csv
import gzip
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from services.closed_loop.attainment import Asked, attainment
from services.closed_loop.configuration import save_calendar
from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.documents import CalendarBody
from services.closed_loop.domain.policy import PolicySet
from services.closed_loop.store import CaseKey, load
from shared.contracts.decoding import Event
from tests.closed_loop.cases.world import TENANT, World, case_of, complaint, reply, utc_now

FILE = Path(__file__).parents[4] / "shared" / "data" / "cfpb_complaints_2023.csv.gz"
NEW_YORK = ZoneInfo("America/New_York")
WEEK = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
CFPB = {
    "policies": [
        {"id": "cfpb", "default": True, "calendar": "new-york", "clocks": [{"kind": "first_response", "target_calendar_days": 15}]}
    ]
}


@dataclass(frozen=True)
class Row:
    """What is used of a row."""

    id: str
    received: date
    sent: date
    issue: str


def rows() -> list[Row]:
    if FILE.exists():
        with gzip.open(FILE, "rt", newline="") as text:
            return [
                Row(
                    row["Complaint ID"],
                    date.fromisoformat(row["Date received"]),
                    date.fromisoformat(row["Date sent to company"]),
                    row["Issue"],
                )
                for row in csv.DictReader(text)
            ]
    chance = random.Random(1)
    days = [date(2012, 1, 13) + timedelta(days=chance.randrange(4200)) for _ in range(2000)]
    return [Row(f"{n}", day, day + timedelta(days=chance.choice((0, 0, 1, 14, 15, 16, 36))), "Fees") for n, day in enumerate(days)]


def events_of(row: Row) -> tuple[Event, Event]:
    told = datetime.combine(row.received, time(12), NEW_YORK)
    answered = datetime.combine(row.sent, time(17), NEW_YORK)
    return (
        complaint(row.id, at=told, received_at=row.received.isoformat(), category=row.issue[:256] or "none", backfill=True),
        reply(f"{row.id}-sent", case_of(row.id), at=answered, backfill=True),
    )


async def deliver(world: World, events: Sequence[Event], chance: random.Random) -> None:
    """Twice, in any order, in batches."""
    twice = [*events, *events]
    chance.shuffle(twice)
    for first in range(0, len(twice), 700):
        await world.happen(*twice[first : first + 700])


async def files(world: World, ids: Sequence[str]) -> dict[str, CaseFile]:
    async with world.sessions.begin() as session:
        found = await load(session, world.calendars, [CaseKey(TENANT, case_of(id)) for id in ids], lock=False)
    return {id: found[CaseKey(TENANT, case_of(id))] for id in ids}


async def test_a_file_of_complaints_becomes_one_case_each_whose_attainment_is_that_of_the_file(world: World) -> None:
    chance, all_rows = random.Random(3), rows()
    async with world.sessions.begin() as session:
        wall = CalendarBody.model_validate({"zone": "America/New_York", "windows": WEEK})
        await save_calendar(session, TENANT, "new-york", 1, wall, actor="test", now=utc_now())
    await world.configure(PolicySet.model_validate(CFPB))
    raised, answered = zip(*(events_of(row) for row in all_rows), strict=True)

    await deliver(world, raised, chance)
    await deliver(world, answered, chance)
    fired = await world.fire()

    found = await files(world, [row.id for row in all_rows])
    assert await world.count("cases") == len(all_rows) == len(found)
    for row in all_rows:
        received_at = found[row.id].case.received_at
        assert received_at.astimezone(NEW_YORK) == datetime.combine(row.received, time(), NEW_YORK)
    in_time = sum((row.sent - row.received).days <= 15 for row in all_rows)
    assert Counter(file.clocks[0].status for file in found.values()) == {"met": in_time, "breached": len(all_rows) - in_time}
    assert 0 < in_time < len(all_rows)
    async with world.sessions.begin() as session:
        (line,) = await attainment(session, TENANT, Asked())
    assert (line.attainment, line.decided, line.running) == (in_time / len(all_rows), len(all_rows), 0)
    assert fired == 0
    said = await world.said()
    assert all(one.backfill for one in said)
    types = Counter(one.type for one in said)
    assert set(types) == {"case.opened.v1", "clock.started.v1", "case.changed.v1", "clock.met.v1"}
    assert set(types.values()) == {len(all_rows)}
    assert await world.count("clock_announcements") == 0


async def test_an_unanswered_case_from_history_shows_its_breach_and_has_no_timer(world: World) -> None:
    await world.happen(complaint("old", at=utc_now() - timedelta(days=4000), backfill=True))

    file = (await files(world, ["old"]))["old"]

    assert {clock.status for clock in file.clocks} == {"breached"}
    assert {clock.next_at for clock in file.clocks} == {None}
