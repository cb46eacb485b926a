"""The handler on a real database: one case per event that asks for one, clocks that stop when people answer, nothing twice."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.closed_loop.configuration import save_calendar
from services.closed_loop.domain.documents import CalendarBody
from services.closed_loop.domain.policy import PolicySet
from services.closed_loop.sources import BATCH
from shared.errors import InvalidEvent
from tests.closed_loop.cases.world import SECOND, World, answered, case_of, complaint, nps, policies, reply, utc_now
from tests.shared.holds import LONGEST_HOLD_SECONDS, longest_hold

HOUR = timedelta(hours=1)


async def test_a_complaint_opens_a_case_whose_clocks_run_from_when_it_was_received(world: World) -> None:
    at = utc_now() - HOUR

    await world.happen(complaint("a", at=at, category="delivery", severity="high", customer={"id": "c1"}))

    file = await world.file(case_of("a"))
    assert (file.case.state, file.case.kind, file.case.severity, file.case.category) == ("received", "complaint", "high", "delivery")
    assert (file.case.customer, file.case.received_at, file.case.missing) == ("c1", at, ("responded", "informed"))
    assert {clock.kind: clock.due_at for clock in file.clocks} == {"first_response": at + 24 * HOUR, "resolution": at + 14 * 24 * HOUR}
    assert await world.story(case_of("a")) == ["case.opened", "clock.started", "clock.started"]
    opened, *started = await world.said(case_of("a"))
    assert (opened.data.version, opened.data.origin.id, opened.backfill) == (1, "a", False)
    assert [one.sequence for one in (opened, *started)] == [1, 2, 3]
    assert {one.data.policy.id for one in started} == {"standard"}


async def test_a_redelivered_batch_changes_nothing(world: World) -> None:
    batch = [complaint(f"e{n}") for n in range(20)] + [answered("bad", nps(3)), reply("r", case_of("e1"))]
    await world.happen(*batch)
    before = await world.everything()

    await world.happen(*batch)
    await world.happen(*reversed(batch))

    assert await world.everything() == before


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (nps(6), True),
        (nps(7), False),
        ({"instrument": "csat", "score": 2, "scale_min": 1, "scale_max": 5}, True),
        ({"instrument": "csat", "score": 3, "scale_min": 1, "scale_max": 5}, False),
        ({"instrument": "csat", "score": 25, "scale_min": 0, "scale_max": 100}, True),
        ({"instrument": "csat", "score": 26, "scale_min": 0, "scale_max": 100}, False),
        ({"instrument": "ces", "score": 6, "scale_min": 1, "scale_max": 7, "polarity": "effort"}, True),
        ({"instrument": "ces", "score": 5, "scale_min": 1, "scale_max": 7, "polarity": "effort"}, False),
        ({"instrument": "ces", "score": 2, "scale_min": 1, "scale_max": 7, "polarity": "ease"}, True),
        ({"instrument": "ces", "score": 3, "scale_min": 1, "scale_max": 7, "polarity": "ease"}, False),
        ({"instrument": "yes_no", "score": 0}, False),
    ],
)
async def test_only_a_bad_answer_opens_a_case(world: World, answer: dict[str, Any], opens: bool) -> None:
    await world.happen(answered("a", answer))

    assert await world.count("cases") == opens


async def test_a_bad_answer_to_a_follow_up_never_opens_a_case(world: World) -> None:
    await world.happen(answered("a", nps(0), case="some-case"))

    assert await world.count("cases") == 0


async def test_a_revision_that_turns_bad_opens_a_case_and_one_that_turns_good_offers_withdrawal(world: World) -> None:
    await world.happen(answered("a", nps(9)))
    await world.happen(answered("a", nps(2), revision=2, comment="no, really"))
    opened = await world.file(case_of("a"))

    await world.happen(answered("a", nps(10), revision=3), answered("a", nps(1), revision=2))

    file = await world.file(case_of("a"))
    assert (opened.case.version, opened.case.withdrawal_offered_at) == (1, None)
    assert (file.case.version, file.case.state) == (2, "received")
    assert file.case.withdrawal_offered_at is not None
    assert await world.story(case_of("a")) == ["case.opened", "clock.started", "clock.started", "case.changed"]


async def test_one_batch_with_all_revisions_acts_on_the_highest_only(world: World) -> None:
    await world.happen(answered("a", nps(2)), answered("a", nps(9), revision=2))

    assert await world.count("cases") == 0


async def test_a_revised_complaint_replaces_what_the_first_said(world: World) -> None:
    first, letter = utc_now() - HOUR, utc_now() - 30 * HOUR
    await world.happen(complaint("a", at=first, severity="low"))

    await world.happen(complaint("a", at=first, revision=2, severity="critical", received_at=letter))

    file = await world.file(case_of("a"))
    assert (file.case.severity, file.case.received_at) == ("critical", letter)
    clock = next(clock for clock in file.clocks if clock.kind == "first_response")
    assert (clock.due_at, clock.breached_at) == (letter + 24 * HOUR, letter + 24 * HOUR)
    assert await world.fire() == 1
    assert (await world.story(case_of("a")))[-1] == "clock.breached"


async def test_a_date_alone_begins_at_midnight_in_the_calendars_zone(world: World) -> None:
    await world.happen(complaint("a", received_at="2026-03-01"))

    assert (await world.file(case_of("a"))).case.received_at == datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_letter_from_the_future_counts_from_its_receipt(world: World) -> None:
    await world.happen(complaint("a", received_at=utc_now() + 100 * HOUR))

    assert abs((await world.file(case_of("a"))).case.received_at - utc_now()) < 10 * SECOND


async def test_only_a_public_answer_by_a_person_stops_the_first_response_clock(world: World) -> None:
    await world.happen(complaint("a", at=utc_now() - HOUR))
    case = case_of("a")

    await world.happen(reply("bot", case, by="bot"), reply("inside", case, public=False))
    before = await world.file(case)
    at = utc_now() - HOUR / 2
    await world.happen(reply("person", case, at=at))

    assert (before.case.responded_at, before.case.version) == (None, 1)
    file = await world.file(case)
    clocks = {clock.kind: clock for clock in file.clocks}
    assert (file.case.responded_at, file.case.state, file.case.missing) == (at, "acknowledged", ("informed",))
    assert (clocks["first_response"].status, clocks["resolution"].status) == ("met", "running")
    assert await world.story(case, "first_response") == ["clock.started", "clock.met"]


async def test_an_answer_after_the_due_is_a_breach_also_when_no_timer_saw_it(world: World) -> None:
    start = utc_now() - 30 * HOUR
    await world.happen(complaint("a", at=start), reply("r", case_of("a"), at=start + 25 * HOUR))

    assert await world.story(case_of("a"), "first_response") == ["clock.started", "clock.breached", "clock.met"]
    met = (await world.said(case_of("a")))[-1]
    assert met.data.breached_at == start + 24 * HOUR
    assert await world.fire() == 0


async def test_an_answer_at_exactly_the_due_is_in_time(world: World) -> None:
    start = utc_now() - 30 * HOUR
    await world.happen(complaint("a", at=start), reply("r", case_of("a"), at=start + 24 * HOUR))

    assert await world.story(case_of("a"), "first_response") == ["clock.started", "clock.met"]


async def test_an_early_answer_that_becomes_known_late_takes_the_breach_back_with_its_cause(world: World) -> None:
    start = utc_now() - 30 * HOUR
    await world.happen(complaint("a", at=start))
    await world.fire()

    await world.happen(reply("r", case_of("a"), at=start + HOUR))

    events = [one for one in await world.said(case_of("a")) if getattr(one.data, "kind", "") == "first_response"]
    types = [one.type.split(".")[1] for one in events]
    assert types == ["started", "breached", "retracted", "met"]
    breached, retracted, met = events[-3:]
    assert (retracted.data.generation, retracted.data.breached_at) == (breached.data.generation, breached.data.breached_at)
    assert "replied_at" in retracted.data.reason
    assert (met.data.generation, met.data.breached_at) == (breached.data.generation + 1, None)


async def test_a_breach_after_a_retraction_is_announced_again_and_a_warning_is_not(world: World) -> None:
    start = utc_now() - 30 * HOUR
    case = case_of("a")
    await world.happen(complaint("a", at=start))
    await world.fire()
    await world.happen(reply("r", case, at=start + HOUR))

    await world.happen(reply("r", case, at=start + HOUR, revision=2, public=False))
    await world.fire()

    types = [type.split(".")[1] for type in await world.story(case, "first_response")]
    assert types == ["started", "breached", "retracted", "met", "resumed", "breached"]
    breaches = [one for one in await world.said(case) if one.type == "clock.breached.v1"]
    assert [one.data.generation for one in breaches] == [1, 2]
    assert len({one.id for one in await world.said()}) == len(await world.said())
    assert (await world.file(case)).case.responded_at is None


async def test_any_order_of_the_same_replies_gives_the_same_clock(world: World) -> None:
    start = utc_now() - 30 * HOUR
    found = set()
    for number in range(6):
        id = f"order{number}"
        replies = [reply(f"{id}-{hours}", case_of(id), at=start + hours * HOUR) for hours in (2, 25, 29)]
        random.Random(number).shuffle(replies)
        await world.happen(complaint(id, at=start))
        for one in replies:
            await world.happen(one)
        clock = next(clock for clock in (await world.file(case_of(id))).clocks if clock.kind == "first_response")
        found.add((clock.status, clock.due_at, clock.breached_at, clock.activity, (await world.file(case_of(id))).case.responded_at))

    assert found == {("met", start + 24 * HOUR, None, "stopped", start + 2 * HOUR)}


async def test_an_answer_to_another_tenants_case_changes_nothing(world: World) -> None:
    await world.happen(complaint("a"))

    await world.happen(reply("r", case_of("a"), tenant="globex"))

    assert (await world.file(case_of("a"))).case.version == 1


async def test_tenants_with_the_same_event_ids_have_cases_of_their_own(world: World) -> None:
    await world.happen(complaint("a"), complaint("a", tenant="globex"))

    assert case_of("a") != case_of("a", "globex")
    assert await world.count("cases") == 2


async def test_history_is_computed_and_stays_silent(world: World) -> None:
    start = utc_now() - timedelta(days=3000)
    late, early = case_of("late"), case_of("early")
    await world.happen(complaint("late", at=start, backfill=True), complaint("early", at=start, backfill=True))

    await world.happen(reply("r", early, at=start + HOUR, backfill=True))

    assert await world.fire() == 0
    statuses = {case: {clock.kind: clock.status for clock in (await world.file(case)).clocks} for case in (late, early)}
    assert statuses == {
        late: {"first_response": "breached", "resolution": "breached"},
        early: {"first_response": "met", "resolution": "breached"},
    }
    assert [clock.next_at for case in (late, early) for clock in (await world.file(case)).clocks] == [None] * 4
    said = await world.said()
    assert all(one.backfill for one in said)
    assert {one.type for one in said} == {"case.opened.v1", "case.changed.v1", "clock.started.v1", "clock.met.v1"}


async def test_targets_follow_the_first_policy_that_matches(world: World) -> None:
    clocks = [{"kind": "first_response", "target_seconds": 3600, "targets": [{"when": {"severity": ["critical"]}, "target_seconds": 60}]}]
    others = [{"kind": "resolution", "target_calendar_days": 15}]
    await world.configure(PolicySet.model_validate({"policies": [
        {"id": "nobody", "when": {}, "clocks": []},
        {"id": "phone", "when": {"channel": ["phone"], "kind": ["complaint"]}, "clocks": clocks},
        {"id": "rest", "default": True, "clocks": others, "closes_with": []},
    ]}))  # fmt: skip

    await world.happen(complaint("a"), complaint("b", severity="critical"), complaint("c", channel="email"))

    files = [await world.file(case_of(id)) for id in "abc"]
    assert [(file.case.policy, file.case.policy_version) for file in files] == [("phone", 2), ("phone", 2), ("rest", 2)]
    seconds = [(file.clocks[0].due_at - file.case.received_at).total_seconds() for file in files if file.clocks[0].due_at]
    assert seconds[:2] == [3600, 60]
    assert 15 * 86400 <= seconds[2] <= 16 * 86400


async def test_two_replicas_with_the_same_events_open_each_case_once(world: World) -> None:
    other = World(world.sessions)
    batches = [[complaint(f"e{n}") for n in range(start, start + 50)] for start in (0, 25, 50)]

    await asyncio.gather(*(replica.happen(*batch) for batch in batches for replica in (world, other)))

    assert await world.count("cases") == 100
    assert len([one for one in await world.said() if one.type == "case.opened.v1"]) == 100


async def test_a_target_that_no_calendar_reaches_refuses_the_event_as_data_and_leaves_nothing(world: World) -> None:
    once = CalendarBody.model_validate({"zone": "UTC", "windows": {}, "special_days": {"2026-12-24": [["09:00", "10:00"]]}})
    async with world.sessions.begin() as session:
        await save_calendar(session, "acme", "once", 1, once, actor="test", now=utc_now())
    await world.configure(policies(86400, calendar="once"))

    with pytest.raises(InvalidEvent, match="unreachable"):
        await world.happen(complaint("a"))

    assert (await world.count("seen_events"), await world.count("cases")) == (0, 0)


async def test_a_full_batch_leaves_the_event_loop_to_others_in_between(world: World) -> None:
    opening = longest_hold(world.happen(*[complaint(f"e{n}") for n in range(BATCH)]))
    answering = longest_hold(world.happen(*[reply(f"r{n}", case_of(f"e{n}")) for n in range(BATCH)]))

    holds = [await opening, await answering]

    assert max(holds) < LONGEST_HOLD_SECONDS
    assert await world.count("cases") == BATCH
