"""Waves: exact by stratum, planned in slices, and gone on with wherever they were left."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.ingest.surveys import waves
from shared.clock import utc_now
from tests.ingest.surveys.world import World, contact

MET = {"north": 40, "south": 10}


def last_month() -> datetime:
    return utc_now().replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)


async def meet(world: World, customer: dict[str, Any] | None = None) -> None:
    """A survey that is asked nobody at once, and fifty customers of last month in two regions."""
    await world.make("after-contact", triggers=[])
    people = [contact(f"{region}-{n}", at=last_month(), region=region, touchpoint="hotline", customer=customer)
              for region, count in MET.items() for n in range(count)]  # fmt: skip
    await world.happen(*people)


async def wave(world: World, target: int, **sampling: Any) -> None:
    """A wave over them that is due."""
    wanted = {"target": target, "by": ["region"], "expected_response": 1.0, **sampling}
    await world.make("wave", "nps", wave={"every": "month"}, sampling=wanted)
    await world.rows("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE id = 'wave'")


async def plan_all(world: World) -> int:
    """How many transactions that takes."""
    count = 0
    while await world.fire(world.waves):
        count += 1
    return count


def planned(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(row["region"] for row in rows if row["state"] == "planned" and row["survey"] == "wave")


async def test_who_cannot_be_asked_makes_room_for_another_of_the_stratum_until_there_are_as_many_as_wanted(world: World) -> None:
    await meet(world)
    for n in range(30):
        await world.rows(f"UPDATE survey_contacts SET contact = contact - 'email' WHERE contact->>'customer' = 'c-north-{n}'")
    async with world.client("ingest:write") as client:
        for n in range(5):
            await client.post("/v1/survey-opt-outs", json={"customer": f"c-south-{n}"})
    await wave(world, target=15)
    await plan_all(world)

    rows = await world.invitations()
    assert planned(rows) == {"north": 10, "south": 3}, "15 by 40 to 10 are 12 and 3, and of the north only 10 can be reached"
    assert {row["reason"] for row in rows} <= {None, "no_way", "opted_out"}
    assert {(row["context"]["touchpoint"], row["context"]["region"]) for row in rows} == {("hotline", "north"), ("hotline", "south")}
    assert await world.rows("SELECT * FROM survey_drawn") == []


async def test_a_wave_is_gone_on_with_slice_by_slice_after_any_break_and_by_any_replica(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waves, "SLICE", 4)
    await meet(world)
    await wave(world, target=25)
    await world.fire(world.waves)
    await world.fire(world.waves)
    after_two = await world.invitations()
    with pytest.raises(ZeroDivisionError):
        async with world.sessions.begin() as session:
            await world.waves.fire(session, 1000)
            raise ZeroDivisionError  # as a process that is killed before it commits
    rolled_back = await world.invitations()
    async with world.sessions.begin() as one, world.sessions.begin() as other:  # two replicas at a time, each a stratum
        assert [await world.waves.fire(one, 1000), await world.waves.fire(other, 1000)] == [1, 1]
    slices = await plan_all(world)

    rows = await world.invitations()
    assert (len(after_two), len(rolled_back)) == (4, 4)
    assert planned(rows) == {"north": 20, "south": 5}
    assert len({row["person"] for row in rows}) == len(rows) == 25
    assert slices >= 4, "each slice is a transaction of its own"


async def test_who_was_asked_by_the_wave_before_or_lately_by_another_survey_is_left_out(world: World) -> None:
    await meet(world)
    await wave(world, target=10)
    await plan_all(world)
    await world.rows(
        "UPDATE survey_invitations SET period = 'earlier', id = 'earlier-' || id, state = 'sent', sent_at = now() - interval '3 days'"
    )
    await world.rows("DELETE FROM survey_strata")
    before = {row["person"] for row in await world.invitations()}
    await world.rows("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE id = 'wave'")
    await plan_all(world)

    rows = [row for row in await world.invitations() if row["period"] != "earlier"]
    assert planned(rows) == {"north": 8, "south": 2}
    assert before.isdisjoint(row["person"] for row in rows if row["state"] == "planned")
    assert {row["reason"] for row in rows if row["person"] in before} <= {"asked_lately"}


async def test_results_of_two_waves_are_the_sums_of_both_bases_and_samples(world: World) -> None:
    await meet(world)
    await wave(world, target=10)
    await plan_all(world)
    await world.rows("UPDATE survey_strata SET period = 'earlier'")
    await world.rows("UPDATE survey_invitations SET period = 'earlier', id = 'earlier-' || id")
    await world.rows("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE id = 'wave'")
    await plan_all(world)
    async with world.client("metrics:read") as client:
        strata = (await client.get("/v1/surveys/wave/results")).json()["strata"]

    found = [(one["region"], one["base"], one["asked"], one["share_of_base"]) for one in strata]
    assert found == [("north", 80, 16, 0.8), ("south", 20, 4, 0.2)]


async def test_a_wave_that_is_due_is_sent_although_its_survey_was_changed_before_anybody_looked(world: World) -> None:
    await meet(world)
    await wave(world, target=10)
    async with world.client() as client:
        made = (await client.get("/v1/surveys/wave")).json()["document"]
        changed = await client.put("/v1/surveys/wave", json={**made, "fatigue_days": 1})
    await plan_all(world)

    assert changed.json()["version"] == 2
    assert planned(await world.invitations()) == {"north": 8, "south": 2}


async def test_a_survey_that_is_retired_while_its_wave_is_planned_asks_nobody_more(world: World) -> None:
    await meet(world)
    await wave(world, target=50)
    await world.fire(world.waves)
    async with world.client() as client:
        await client.delete("/v1/surveys/wave")
    await plan_all(world)

    assert await world.invitations() == []
    assert await world.rows("SELECT * FROM survey_drawn") == []
