"""Samples on real rows: order, redelivery, restarts, replicas, edits, and scoring that stays behind."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.alerts import configuration, people
from services.alerts.domain.rule import read_rule
from services.alerts.store.alerts import list_alerts
from services.alerts.store.series import ask_again
from services.alerts.timers import RuleTimers, SilenceWatch
from shared.contracts.topics import SERIES_WANTED
from shared.database.engine import Sessions
from shared.database.timers import TimerMetrics
from shared.errors import Unavailable
from tests.alerts.events import NOON, announced, at, everything, happen, sampled, told

TABLES = ("rule_states", "alerts", "outbox", "alert_groups", "group_alerts")
RULE: dict[str, Any] = {"rule": "low", "metric": "csat", "window": "1h", "condition": {"below": 0.7, "recover": 0.75}}


@pytest_asyncio.fixture
async def bare(sessions: Sessions) -> AsyncIterator[Sessions]:
    """A tenant that was met, without the shipped rules."""
    async with sessions.begin() as session:
        await configuration.meet_tenants(session, ["acme", "globex"], NOON)
        await session.execute(text("DELETE FROM rules"))
        await session.execute(text("DELETE FROM outbox"))
    yield sessions


async def save(sessions: Sessions, tenant: str = "acme", **more: Any) -> None:
    async with sessions.begin() as session:
        await configuration.put_rule(session, tenant, read_rule({**RULE, **more}), "api", "key:k", NOON)


async def run_timers(sessions: Sessions) -> int:
    async with sessions.begin() as session:
        return await RuleTimers(TimerMetrics("hearback_test", CollectorRegistry())).fire(session, 1000)


async def firing(sessions: Sessions, tenant: str = "acme") -> list[Any]:
    async with sessions.begin() as session:
        return await list_alerts(session, tenant, state="firing", source=None, rule=None, case=None, before=None, limit=100)


async def test_a_number_below_its_threshold_fires_with_its_sample_and_resolves_with_its_reason(bare: Sessions) -> None:
    await save(bare, labels={"team": "phone"}, annotations={"summary": "{{ value }} of {{ n }}"})

    await happen(bare, sampled(1, 0, 0.6, 40))
    [alert] = await firing(bare)
    await happen(bare, sampled(2, 60, 0.8))

    assert alert.labels == {"alertname": "low", "metric": "csat", "severity": "warning", "source": "metric", "team": "phone"}
    assert (alert.value, alert.n, alert.starts_at, alert.annotations) == (0.6, 40, at(0), {"summary": "0.6 of 40"})
    assert await told(bare) == [("fired", "low", None), ("resolved", "low", "recovered")]
    fired, resolved = await announced(bare)
    assert (fired.sequence, resolved.sequence) == (1, 2)
    assert resolved.data.ends_at == at(60)


async def test_a_redelivered_batch_changes_nothing(bare: Sessions) -> None:
    await save(bare)
    batch = [sampled(1, 0, 0.6), sampled(2, 10, 0.8), sampled(3, 20, 0.5), sampled(1, 0, 0.6, tenant="globex")]
    await happen(bare, *batch)
    before = await everything(bare, TABLES)

    await happen(bare, *batch)
    await happen(bare, *batch[:2])

    assert await everything(bare, TABLES) == before
    assert await told(bare) == [("fired", "low", None), ("resolved", "low", "recovered"), ("fired", "low", None)]


async def test_a_stale_sample_after_a_newer_one_is_dropped(bare: Sessions) -> None:
    await save(bare)

    await happen(bare, sampled(7, 70, 0.6))
    await happen(bare, sampled(6, 60, 0.9))

    assert len(await firing(bare)) == 1


async def test_too_few_answers_never_fire(bare: Sessions) -> None:
    await save(bare, min_samples=30)

    await happen(bare, sampled(1, 0, 0.1, 29))
    few = await firing(bare)
    await happen(bare, sampled(2, 10, 0.1, 30))

    assert few == []
    assert len(await firing(bare)) == 1


async def test_for_goes_on_over_a_restart_and_fires_at_its_instant_once(bare: Sessions) -> None:
    await save(bare, **{"for": "5m"})
    await happen(bare, sampled(1, 0, 0.6))
    assert await run_timers(bare) == 0  # the data are not so far yet, whatever the wall clock says

    # another process, and a sample of another series of the same partition that shows how far the data are
    await happen(bare, sampled(1, 310, 50.0, metric="nps"))
    fired = await run_timers(bare)
    again = await run_timers(bare)
    await happen(bare, sampled(2, 320, 0.6))

    assert (fired, again) == (1, 0)
    [alert] = await firing(bare)
    assert alert.starts_at == at(300)
    assert await told(bare) == [("fired", "low", None)]


async def test_a_sample_that_clears_the_breach_before_the_end_of_for_is_in_time(bare: Sessions) -> None:
    await save(bare, **{"for": "5m"})
    await happen(bare, sampled(1, 0, 0.6))

    await happen(bare, sampled(2, 299, 0.8), sampled(1, 400, 50.0, metric="nps"))

    assert await run_timers(bare) == 0
    assert await told(bare) == []


async def test_a_rule_edited_while_pending_lets_it_hold_anew(bare: Sessions) -> None:
    await save(bare, **{"for": "5m"})
    await happen(bare, sampled(1, 0, 0.6))

    await save(bare, **{"for": "1m"})
    await happen(bare, sampled(1, 310, 50.0, metric="nps"))
    assert await run_timers(bare) == 0
    await happen(bare, sampled(2, 320, 0.6), sampled(3, 385, 0.6))

    [alert] = await firing(bare)
    assert (alert.starts_at, alert.rule_version) == (at(380), 2)


async def test_an_edit_of_a_text_leaves_what_is_pending_alone(bare: Sessions) -> None:
    await save(bare, **{"for": "5m"})
    await happen(bare, sampled(1, 0, 0.6))

    await save(bare, **{"for": "5m", "annotations": {"summary": "new"}})
    await happen(bare, sampled(2, 320, 0.6))

    [alert] = await firing(bare)
    assert (alert.starts_at, alert.annotations) == (at(300), {"summary": "new"})


async def test_an_edit_that_makes_it_another_alert_and_a_deletion_end_what_fires(bare: Sessions) -> None:
    await save(bare)
    await happen(bare, sampled(1, 0, 0.6))
    await save(bare, labels={"team": "chat"})
    await happen(bare, sampled(2, 10, 0.6))

    async with bare.begin() as session:
        assert await configuration.delete_rule(session, "acme", "low", "api", "key:k", at(20))
    await happen(bare, sampled(3, 30, 0.6))

    assert await told(bare) == [
        ("fired", "low", None),
        ("resolved", "low", "rule_changed"),
        ("fired", "low", None),
        ("resolved", "low", "rule_deleted"),
    ]


async def test_scoring_that_is_behind_is_one_alert_and_no_metric_alert_changes_state(bare: Sessions) -> None:
    await save(bare)
    await happen(bare, sampled(1, 0, 0.6))

    await happen(bare, sampled(2, 100, 0.9, lag=61), sampled(3, 110, 0.9, lag=70))
    behind = {alert.labels["alertname"] for alert in await firing(bare)}
    await happen(bare, sampled(4, 120, 0.6))

    assert behind == {"low", "scoring_behind"}
    assert await told(bare) == [("fired", "low", None), ("fired", "scoring_behind", None), ("resolved", "scoring_behind", "caught_up")]


async def test_when_scoring_stops_one_alert_says_so_and_no_timer_runs(bare: Sessions) -> None:
    await save(bare, **{"for": "1s"})
    await happen(bare, sampled(1, 0, 0.6))
    watch = SilenceWatch(bare, timedelta(seconds=0.3))
    stop = asyncio.Event()
    watching = asyncio.create_task(watch.run(stop, lambda: None))
    replica = asyncio.create_task(SilenceWatch(bare, timedelta(seconds=0.3)).run(stop, lambda: None))

    for _ in range(100):
        if await told(bare):
            break
        await asyncio.sleep(0.05)
    silent = await told(bare)
    assert await run_timers(bare) == 0
    stop.set()
    await asyncio.gather(watching, replica)
    await happen(bare, sampled(2, 1, 0.6))

    assert silent == [("fired", "scoring_behind", None)]
    assert await told(bare) == [*silent, ("resolved", "scoring_behind", "caught_up"), ("fired", "low", None)]


async def test_two_replicas_that_get_the_same_sample_fire_once(bare: Sessions) -> None:
    await save(bare)

    async def deliver() -> None:
        while True:
            try:
                await happen(bare, sampled(1, 0, 0.6))
                return
            except Unavailable:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(deliver() for _ in range(4)))

    assert await told(bare) == [("fired", "low", None)]


async def test_with_group_by_each_value_is_an_alert_and_too_many_are_an_error_of_the_rule(bare: Sessions) -> None:
    await save(bare, group_by=["channel"], limit=2)

    await happen(bare, sampled(1, 0, 0.6, slice={"channel": "phone"}), sampled(1, 0, 0.5, slice={"channel": "chat"}))
    await happen(bare, sampled(1, 0, 0.4, slice={"channel": "web"}), sampled(1, 0, 0.1))

    assert {alert.labels["channel"] for alert in await firing(bare)} == {"phone", "chat"}
    [rule] = (await everything(bare, ["rules"]))["rules"]
    assert "limit of 2" in rule.error


async def test_a_ladder_fires_one_alert_for_each_severity(bare: Sessions) -> None:
    await save(bare, condition={}, severity={"critical": {"below": 0.5}, "warning": {"below": 0.7}})

    await happen(bare, sampled(1, 0, 0.6))
    warning = {alert.severity for alert in await firing(bare)}
    await happen(bare, sampled(2, 10, 0.4))

    assert warning == {"warning"}
    assert {alert.severity for alert in await firing(bare)} == {"warning", "critical"}


async def test_tenants_with_the_same_series_are_judged_apart(bare: Sessions) -> None:
    await save(bare)
    await save(bare, "globex", condition={"below": 0.5})

    await happen(bare, sampled(1, 0, 0.6), sampled(1, 0, 0.6, tenant="globex"))

    assert len(await firing(bare)) == 1
    assert await firing(bare, "globex") == []


async def test_an_alert_resolved_by_hand_comes_back_only_after_a_recovery(bare: Sessions) -> None:
    await save(bare)
    await happen(bare, sampled(1, 0, 0.6))
    [alert] = await firing(bare)

    async with bare.begin() as session:
        await people.resolve(session, "acme", alert.id, "key:k", "known", at(5))
    await happen(bare, sampled(2, 10, 0.5))
    still = await firing(bare)
    await happen(bare, sampled(3, 20, 0.9), sampled(4, 30, 0.5))

    assert still == []
    assert await told(bare) == [("fired", "low", None), ("resolved", "low", "known"), ("fired", "low", None)]


async def test_saving_a_rule_asks_for_its_series_until_no_rule_needs_it(bare: Sessions) -> None:
    await save(bare, filter={"channel": "phone"})
    await save(bare, rule="other", filter={"channel": "phone"})
    await save(bare, filter={"channel": "chat"})
    async with bare.begin() as session:
        await configuration.delete_rule(session, "acme", "other", "api", "key:k", NOON)

    wishes = [(event.data.series, event.data.wanted, event.sequence) for event in await announced(bare, SERIES_WANTED)]

    assert wishes == [
        ('csat{channel="phone"}[1h]', True, 1),
        ('csat{channel="chat"}[1h]', True, 1),
        ('csat{channel="phone"}[1h]', False, 2),
    ]


async def test_series_that_rules_need_are_asked_for_again_as_they_were_last(bare: Sessions) -> None:
    await save(bare, filter={"channel": "phone"})
    await save(bare, rule="other", filter={"channel": "chat"})
    await save(bare, "globex", filter={"channel": "phone"})
    await save(bare, filter={"channel": "web"})
    first = await announced(bare, SERIES_WANTED)

    async with bare.begin() as session:
        count = await ask_again(session, NOON)

    again = (await announced(bare, SERIES_WANTED))[len(first) :]
    assert count == 3
    assert [(event.tenant, event.data.series) for event in again] == [
        ("acme", 'csat{channel="chat"}[1h]'),
        ("acme", 'csat{channel="web"}[1h]'),
        ("globex", 'csat{channel="phone"}[1h]'),
    ]
    assert [event for event in again if event not in first] == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_partitions_do_not_let_each_others_timers_run(bare: Sessions, order: tuple[int, int]) -> None:
    await save(bare, **{"for": "5m"})
    await happen(bare, sampled(1, 0, 0.6, partition=order[0]))

    await happen(bare, sampled(1, 400, 50.0, metric="nps", partition=order[1]))

    assert await run_timers(bare) == 0
