"""Clock and case events on real rows: what fires, what ends it and why, once, whatever comes again."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from services.alerts import configuration
from services.alerts.consumer import BATCH
from services.alerts.domain.route import read_route
from services.alerts.domain.rule import read_rule
from services.alerts.store.alerts import list_alerts
from shared.database.engine import Sessions
from shared.kafka.batch import Received
from tests.alerts.events import NOON, announced, at, case, clock, everything, happen, told
from tests.shared.holds import LONGEST_HOLD_SECONDS, longest_hold

TABLES = ("alerts", "outbox", "alert_groups", "group_alerts", "case_facts", "clock_ends", "seen_events")
WARNING: dict[str, Any] = {"rule": "warned", "source": "clock", "state": "warning"}
FIRED, BREACH = "fired", "clock-breached"


async def firing(sessions: Sessions, tenant: str = "acme") -> list[Any]:
    async with sessions.begin() as session:
        return await list_alerts(session, tenant, state="firing", source=None, rule=None, case=None, before=None, limit=100)


async def with_warnings(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await configuration.meet_tenants(session, ["acme"], NOON)
        await configuration.put_rule(session, "acme", read_rule(WARNING), "api", "key:k", NOON)


async def test_a_breach_fires_the_shipped_rule_with_the_labels_of_its_case(sessions: Sessions) -> None:
    await happen(sessions, case("opened", 1, 0), clock("started", 2, 0), clock("breached", 3, 3.2, breached=3))

    [alert] = await firing(sessions)
    assert alert.starts_at == at(3)
    assert alert.labels == {
        "alertname": BREACH, "case": "case-1", "case_severity": "high", "category": "delivery", "clock": "case-1-first",
        "kind": "first_response", "severity": "critical", "source": "clock", "state": "breached", "team": "phone",
    }  # fmt: skip
    assert alert.annotations["summary"] == "The first_response clock of case case-1 is breached"
    [event] = await announced(sessions)
    assert (event.type, event.data.case, event.data.source, event.sequence) == ("alert.fired.v1", "case-1", "clock", 1)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (clock("met", 4, 10, breached=3), "met"),
        (clock("cancelled", 4, 10), "cancelled"),
        (clock("retracted", 4, 10, generation=1), "retracted"),
        (case("closed", 4, 10, state="closed"), "case_closed"),
        (case("withdrawn", 4, 10, state="withdrawn"), "case_withdrawn"),
        (case("changed", 4, 10, state="duplicate_of"), "case_duplicate"),
    ],
)
async def test_what_ends_a_breach_is_its_reason(sessions: Sessions, ending: Received, reason: str) -> None:
    await happen(sessions, clock("breached", 3, 3, breached=3))

    await happen(sessions, ending)

    assert await told(sessions) == [(FIRED, BREACH, None), ("resolved", BREACH, reason)]


async def test_a_pause_before_the_due_ends_the_warning_and_one_after_it_does_not_end_the_breach(sessions: Sessions) -> None:
    await with_warnings(sessions)

    await happen(sessions, clock("warned", 2, 1, percent=50), clock("paused", 3, 2))
    await happen(sessions, clock("breached", 4, 5, breached=5), clock("paused", 5, 6, breached=5))

    assert await told(sessions) == [(FIRED, "warned", None), ("resolved", "warned", "paused"), (FIRED, BREACH, None)]


async def test_a_redelivered_batch_changes_nothing(sessions: Sessions) -> None:
    batch = [
        case("opened", 1, 0),
        clock("breached", 2, 3, breached=3),
        clock("met", 3, 5, breached=3),
        clock("breached", 2, 3, case="case-2"),
    ]
    await happen(sessions, *batch)
    before = await everything(sessions, TABLES)

    for again in (batch, batch[1:2], batch[::-1]):
        await happen(sessions, *again)

    assert await everything(sessions, TABLES) == before


async def test_two_replicas_with_the_same_events_announce_each_breach_once(sessions: Sessions) -> None:
    batch = [clock("breached", 2, 3, case=f"case-{number}", breached=3) for number in range(50)]

    await asyncio.gather(*(happen(sessions, *batch) for _ in range(3)))

    events = await announced(sessions)
    assert len(events) == 50
    assert len({event.id for event in events}) == 50


async def test_a_breach_after_a_retraction_is_announced_again(sessions: Sessions) -> None:
    await happen(
        sessions,
        clock("breached", 2, 3, breached=3),
        clock("retracted", 3, 5, generation=1),
        clock("breached", 4, 9, generation=1, breached=9),
    )

    events = await announced(sessions)
    assert [event.type for event in events] == ["alert.fired.v1", "alert.resolved.v1", "alert.fired.v1"]
    assert len({event.data.alert for event in events}) == 2


async def test_a_breach_that_comes_after_its_end_does_not_come_back(sessions: Sessions) -> None:
    await happen(sessions, clock("met", 4, 5))
    await happen(sessions, clock("breached", 3, 3, breached=3))
    await happen(sessions, case("closed", 9, 9, id="case-2", state="closed"))
    await happen(sessions, clock("breached", 3, 3, case="case-2", breached=3))

    assert await told(sessions) == []


async def test_a_breach_that_the_closing_command_found_out_is_told_and_ended(sessions: Sessions) -> None:
    closed = case("closed", 5, 9, state="closed")
    breached = clock("breached", 5, 9, breached=3, id="case-1:breach")
    met = clock("met", 6, 9, breached=3)

    await happen(sessions, closed, breached, met)

    assert await told(sessions) == [(FIRED, BREACH, None), ("resolved", BREACH, "met")]


async def test_an_end_of_an_older_generation_does_not_end_a_newer_breach(sessions: Sessions) -> None:
    await happen(sessions, clock("breached", 6, 9, generation=2, breached=9))

    await happen(sessions, clock("retracted", 5, 5, generation=1))

    assert len(await firing(sessions)) == 1


async def test_clocks_of_one_case_end_one_by_one(sessions: Sessions) -> None:
    await happen(sessions, clock("breached", 2, 3, clock="a", breached=3), clock("breached", 3, 3, clock="b", breached=3))

    await happen(sessions, clock("met", 4, 5, clock="a"))

    assert [alert.clock for alert in await firing(sessions)] == ["b"]


async def test_backfill_does_nothing_at_all(sessions: Sessions) -> None:
    await happen(sessions, case("opened", 1, 0, backfill=True), clock("breached", 2, 3, breached=3, backfill=True))

    rows = await everything(sessions, (*TABLES, "tenants"))
    assert all(found == [] for found in rows.values())


async def test_tenants_with_the_same_cases_do_not_end_each_others_alerts(sessions: Sessions) -> None:
    await happen(sessions, clock("breached", 2, 3, breached=3), clock("breached", 2, 3, breached=3, tenant="globex"))

    await happen(sessions, case("closed", 3, 9, state="closed", tenant="globex"))

    assert len(await firing(sessions)) == 1
    assert await firing(sessions, "globex") == []


@pytest.mark.parametrize("group_by", [["kind"], ["case"]])
async def test_many_more_breaches_and_ends_than_a_batch_has_fit_into_one_transaction_each(sessions: Sessions, group_by: list[str]) -> None:
    async with sessions.begin() as session:
        await configuration.meet_tenants(session, ["acme"], NOON)
        tree = read_route({"receiver": "default", "group_by": group_by})
        await configuration.put_route(session, "acme", tree, "api", "key:k", NOON)
    many = range(10 * BATCH)

    await happen(sessions, *(clock("breached", 2, 3, case=f"case-{number}", breached=3) for number in many))
    await happen(sessions, *(clock("met", 3, 9, case=f"case-{number}") for number in many))

    async with sessions.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM outbox WHERE topic = 'alerts.events.v1'"))).scalar_one() == 2 * len(many)


async def test_a_full_batch_leaves_the_event_loop_to_others_in_between(sessions: Sessions) -> None:
    breaches = [clock("breached", 3, 3, breached=3, case=f"case-{n}") for n in range(BATCH)]
    met = [clock("met", 4, 10, breached=3, case=f"case-{n}") for n in range(BATCH)]

    holds = [await longest_hold(happen(sessions, *breaches)), await longest_hold(happen(sessions, *met))]

    assert max(holds) < LONGEST_HOLD_SECONDS
    assert len(await told(sessions)) == 2 * BATCH
