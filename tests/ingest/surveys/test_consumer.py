"""Whom events make us ask: once each, not too often, never who does not want it, and by the sample."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import utc_now
from shared.contracts.decoding import Event
from shared.errors import InvalidEvent
from tests.ingest.surveys.world import World, contact, document, event, loud

HOURS = timedelta(hours=1)


def states(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]) for row in rows]


async def test_an_interaction_is_asked_about_a_day_later_and_once_however_often_its_event_comes(world: World) -> None:
    await world.make("after-contact", earliest_hours=24)
    at = utc_now() - HOURS
    once = contact("ann", at=at, touchpoint="hotline", product="shoes", language="zh-CN", revision=1)
    revised = contact("ann", at=at, touchpoint="hotline", product="shoes", language="zh-CN", revision=2)

    await world.happen(once, once)
    await world.happen(revised)
    await world.happen(once)

    [invitation] = await world.invitations()
    assert at + 24 * HOURS <= invitation["next_at"] <= at + 26 * HOURS
    assert (invitation["state"], invitation["way"], invitation["language"], invitation["person"] is not None) == (
        "planned",
        "email",
        "zh-Hans",
        True,
    )
    assert invitation["context"] == {"touchpoint": "hotline", "product": "shoes"}
    assert await world.fire() == 0


async def test_what_is_history_of_another_kind_of_another_tenant_or_too_late_asks_nobody(world: World) -> None:
    await world.make("after-contact")
    await world.happen(
        contact("old", backfill=True),
        contact("theirs", tenant="umbrella"),
        event("feedback.idea_submitted.v1", {"channel": "web", "text": "t", "customer": {"id": "c", "email": "c@example.com"}}, id="idea"),
        event("interaction.completed.v1", {"channel": "chat"}, id="nobody"),
    )
    nobody = await world.invitations()

    await world.happen(contact("late", at=utc_now() - 49 * HOURS))

    assert nobody == []
    assert states(await world.invitations()) == [("passed_over", "too_late")]


@pytest.mark.parametrize("kind", ["purchased", "renewed", "churned", "referred"])
async def test_purchases_renewals_churn_and_referrals_ask_too_where_their_values_are_as_wanted(world: World, kind: str) -> None:
    trigger = {"type": f"customer.{kind}.v1", "where": {"customer.segment": ["vip"], "category": ["shoes"]}}
    await world.make("after-that", triggers=[trigger])
    for name, category in (("ann", "shoes"), ("bob", "hats")):
        who = {"id": f"c-{name}", "email": f"{name}@example.com", "segment": "vip"}
        await world.happen(event(f"customer.{kind}.v1", {"channel": "web", "category": category, "customer": who}, id=name))

    assert [(row["contact"]["customer"], row["state"]) for row in await world.invitations()] == [("c-ann", "planned")]


async def test_a_customer_is_not_asked_again_by_another_survey_within_its_days_but_a_follow_up_always_asks(world: World) -> None:
    await world.make("first")
    await world.make("second", fatigue_days=7)
    await world.make("complaint", "follow_up")
    await world.happen(contact("ann"))
    wanted = {"request": "r-1", "case": "case-1", "survey": "complaint", "customer": {"id": "c-ann", "email": "ann@example.com"}}
    await world.happen(event("survey.requested.v1", wanted, id="e-1"))
    while await world.fire():
        pass

    found = {(row["survey"], row["state"], row["reason"], row["sends"]) for row in await world.invitations()}

    assert {row for row in found if row[0] != "complaint"} in (
        {("first", "planned", None, 1), ("second", "passed_over", "asked_lately", 0)},
        {("second", "planned", None, 1), ("first", "passed_over", "asked_lately", 0)},
    )
    assert ("complaint", "planned", None, 1) in found


async def test_who_opted_out_is_asked_by_no_survey_and_closed_loop_hears_of_it(world: World) -> None:
    await world.make("after-contact")
    await world.make("complaint", "follow_up")
    await world.happen(contact("ann"))
    async with world.client("ingest:write") as client:
        await client.post("/v1/survey-opt-outs", json={"customer": "c-ann"})
    wanted = {"request": "r-1", "case": "case-1", "survey": "complaint", "customer": {"id": "c-ann", "email": "ann@example.com"}}
    await world.happen(contact("ann", at=utc_now() - HOURS), event("survey.requested.v1", wanted, id="e-1"))
    while await world.fire():
        pass

    assert set(states(await world.invitations())) == {("passed_over", "opted_out")}
    [failed] = await world.said("failed")
    assert (failed["data"]["invitation"], failed["data"]["case"], failed["data"]["reason"]) == ("r-1", "case-1", "opted_out")


async def test_a_follow_up_is_asked_for_and_called_off_by_closed_loop(world: World) -> None:
    await world.make("complaint", "follow_up")
    later, much_later = utc_now() + 5 * HOURS, utc_now() + 90 * HOURS
    for name in ("r-1", "r-2"):
        wanted = {"request": name, "case": "c-1", "survey": "complaint", "customer": {"email": f"{name}@example.com"}, "language": "zh",
                  "not_before": later.isoformat(), "expires": much_later.isoformat(), "reminders": 2}  # fmt: skip
        asked = event("survey.requested.v1", wanted, id=name)
        await world.happen(asked, asked)
    await world.happen(event("survey.cancelled.v1", {"request": "r-2", "reason": "reopened"}, id="x"))
    await world.happen(event("survey.cancelled.v1", {"request": "unknown"}, id="y"))

    first, second = sorted(await world.invitations(), key=lambda row: row["id"])
    assert (first["id"], first["case_id"], first["mode"], first["reminders"], first["language"]) == (
        "r-1",
        "c-1",
        "follow_up",
        2,
        "zh-Hans",
    )
    assert (later <= first["next_at"] <= later + HOURS, first["expires_at"]) == (True, much_later)
    assert (second["state"], second["reason"], second["next_at"]) == ("cancelled", "reopened", None)


async def test_a_follow_up_with_a_survey_that_nobody_made_is_set_aside_except_for_the_shipped_one(world: World) -> None:
    wanted = {"request": "r-1", "case": "c-1", "survey": "unknown", "customer": {"email": "a@example.com"}}

    with pytest.raises(InvalidEvent, match="no survey of this tenant"):
        await world.happen(event("survey.requested.v1", wanted, id="1"))
    await world.happen(event("survey.requested.v1", {**wanted, "survey": "follow-up"}, id="2"))

    [invitation] = await world.invitations()
    assert (invitation["survey"], invitation["version"]) == ("follow-up", 1)


async def test_an_erased_customer_leaves_counts_and_nothing_personal(world: World) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann", customer={"name": "Ann Personal"}))
    members = [{"kind": "id", "source": "crm", "value": "c-ann"}, {"kind": "email", "source": "crm", "value": "ann@example.com"}]

    await world.happen(event("customer.erased.v1", {"customer": "p-1", "members": members}, id="1"))

    [invitation] = await world.invitations()
    assert (invitation["contact"], invitation["person"], invitation["next_at"], invitation["given"]) == ({}, None, None, {})
    assert (invitation["state"], invitation["reason"]) == ("passed_over", "erased")
    assert await world.rows("SELECT * FROM survey_contacts") == []


async def test_an_invitation_that_bounced_for_good_has_failed_unless_it_was_answered(world: World) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"), contact("bob"))
    await world.rows("UPDATE survey_invitations SET state = 'sent', sent_at = now()")
    await world.rows("UPDATE survey_invitations SET answered_at = now() WHERE contact->>'customer' = 'c-bob'")
    for row in await world.invitations():
        await world.happen(
            event("message.delivery_failed.v1", {"channel": "email", "invitation": row["id"], "permanent": True}, id=row["id"])
        )

    found = {row["contact"]["customer"]: (row["state"], row["reason"]) for row in await world.invitations()}
    assert found == {"c-ann": ("failed", "bounced"), "c-bob": ("sent", None)}
    assert len(await world.said("failed")) == 1


async def test_a_sample_caps_who_comes_often_and_stops_at_its_target(world: World) -> None:
    sampling = {"target": 2, "window_days": 30, "by": ["segment"], "share": 1.0, "most_per_customer": 1}
    await world.make("after-contact", sampling=sampling)
    await world.happen(*(contact(f"often-{n}", customer={"id": "c-often"}) for n in range(3)))
    often = states(await world.invitations())
    await world.rows("UPDATE survey_invitations SET answered_at = now() WHERE state = 'planned'")
    await world.happen(contact("second"))
    await world.rows("UPDATE survey_invitations SET answered_at = now() WHERE state = 'planned'")

    await world.happen(contact("third"))

    assert sorted(often, key=str) == [("passed_over", "frequent"), ("passed_over", "frequent"), ("planned", None)]
    assert states(await world.invitations())[-1] == ("passed_over", "not_sampled")
    async with world.client("metrics:read") as client:
        [stratum] = (await client.get("/v1/surveys/after-contact/results")).json()["strata"]
    assert (stratum["base"], stratum["answered"]) == (5, 2)


async def test_two_consumers_at_once_ask_no_more_than_the_sample_wants_and_nobody_more_often(world: World) -> None:
    sampling = {"target": 7, "by": ["region"], "expected_response": 1.0, "most_per_customer": 1}
    await world.make("after-referral", sampling=sampling, triggers=[{"type": "customer.referred.v1"}])

    def referred(id: str, who: str) -> Event:
        customer = {"id": who, "email": f"{who}@example.com"}
        return event("customer.referred.v1", {"channel": "web", "region": "north", "customer": customer}, id=id)

    one, other = ([*(referred(f"{half}-{n}", "often") for n in range(3)), *(referred(f"{half}-p{n}", f"{half}-{n}") for n in range(20))]
                  for half in "ab")  # fmt: skip

    await asyncio.gather(world.happen(*one), world.happen(*other))

    rows = await world.invitations()
    asked = [row for row in rows if row["state"] == "planned"]
    assert len(rows) == 46
    assert len(asked) == 7
    assert len({row["person"] for row in asked}) == 7


async def test_of_two_replicas_that_are_about_to_write_to_the_same_people_one_does(world: World) -> None:
    await world.make("first")
    await world.make("second")
    await world.happen(*(contact(f"p{n}") for n in range(20)))
    await world.rows("UPDATE survey_invitations SET next_at = now() - interval '1 h' WHERE survey = 'first'")

    async def fire() -> int:
        async with world.sessions.begin() as session:
            return await world.timers.fire(session, 20)  # half of what is due: a survey each

    fired = await asyncio.gather(fire(), fire())

    rows = await world.invitations()
    assert fired == [20, 20]
    assert len({row["person"] for row in rows if row["sends"] == 1}) == sum(row["sends"] for row in rows) == 20
    assert sum(row["reason"] == "asked_lately" for row in rows) == 20


async def test_a_wave_asks_a_sample_of_those_met_in_the_period_each_once(world: World) -> None:
    await world.make("after-contact", triggers=[])
    sampling = {"target": 10, "by": ["region"], "expected_response": 1.0}
    await world.make("wave", "nps", wave={"every": "month", "touchpoints": ["hotline"]}, sampling=sampling)
    now = utc_now()
    last_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    people = [contact(f"{region}-{n}", at=last_month, region=region, touchpoint="hotline")
              for region, count in (("north", 40), ("south", 10)) for n in range(count)]  # fmt: skip
    await world.happen(*people, contact("elsewhere", at=last_month, touchpoint="shop"), contact("lately", touchpoint="hotline"))
    await world.rows("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE id = 'wave'")
    for _ in range(2):  # the second time it was asked before
        while await world.fire(world.waves):
            pass
        [after] = await world.rows("SELECT next_wave_at > now() AS ahead FROM surveys WHERE id = 'wave'")
        await world.rows("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE id = 'wave'")

    regions = [row["region"] for row in await world.invitations()]
    assert (regions.count("north"), regions.count("south")) == (8, 2)
    assert after["ahead"]
    assert await world.rows("SELECT * FROM survey_drawn") == []
    async with world.client("metrics:read") as client:
        strata = (await client.get("/v1/surveys/wave/results")).json()["strata"]
    assert [(one["region"], one["base"], one["asked"]) for one in strata] == [("north", 40, 8), ("south", 10, 2)]


async def test_nothing_is_sent_in_the_customers_night(world: World) -> None:
    now = utc_now()
    night = {"since": f"{now - HOURS:%H:00}", "until": f"{now + 2 * HOURS:%H:00}"}
    await world.make("after-contact", quiet=night)
    await world.happen(contact("here", customer={"zone": "UTC"}), contact("far", customer={"zone": "Asia/Tokyo"}))
    await world.rows("UPDATE survey_invitations SET next_at = now()")
    while await world.fire():
        pass

    found = {row["contact"]["customer"]: (row["sends"], row["next_at"]) for row in await world.invitations()}
    assert found["c-far"][0] == 1
    assert found["c-here"][0] == 0
    assert found["c-here"][1] > now + HOURS


def test_the_hours_of_these_tests_are_never_quiet() -> None:
    assert loud()["since"] != loud()["until"]
    assert document()["quiet"] == loud()
