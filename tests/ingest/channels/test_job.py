"""What each step makes of a fetch or a poll, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.adapters.adapter import Fetch, Pulled
from services.ingest.channels.job import PAGE_FAILURES, SET_ASIDE, Failure, Job, PullPolicy, after_failure, after_step, opened, sealed
from tests.ingest.channels.replica import BOX

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
POLICY = PullPolicy()
FIRST = sealed(BOX, Fetch("k"))
PAGE = sealed(BOX, Fetch("k", {"page": 2}))


def job(**change: Any) -> Job:
    fetch = Job(
        tenant="acme", endpoint="e", key="k", channel="c", kind="fetch", state="waiting", first=FIRST, step=FIRST, again=None, begun=True,
        every_seconds=None, round_at=None, next_at=NOW, attempt=1, failures=0, broken_off=1, trying_since=NOW, last_error=None,
        created_at=NOW,
    )  # fmt: skip
    return replace(fetch, **change)


def poll(**change: Any) -> Job:
    return job(**{"kind": "poll", "every_seconds": 300.0, "round_at": NOW - timedelta(seconds=20), **change})


NO_ANSWER = Failure("no answer")


def failed(before: Job, failure: Failure = NO_ANSWER, now: datetime = NOW) -> Job:
    return after_failure(before, failure, POLICY, now, 1.0)


def test_a_fetch_is_over_with_its_last_page() -> None:
    going_on = after_step(job(failures=3, last_error="x"), Pulled(then=Fetch("k", {"page": 2})), BOX, NOW)

    assert going_on is not None
    assert going_on.fetch(BOX) == Fetch("k", {"page": 2})
    assert (going_on.failures, going_on.broken_off, going_on.last_error, going_on.next_at) == (0, 0, None, NOW)
    assert after_step(going_on, Pulled(), BOX, NOW) is None


def test_a_fetch_that_was_asked_for_again_meanwhile_is_done_once_more() -> None:
    asked = sealed(BOX, Fetch("k", {"token": "t"}), resumes=True)

    after = after_step(job(again=asked, step=PAGE), Pulled(cursor={"seen": 7}), BOX, NOW)

    assert after is not None
    assert (after.fetch(BOX).arguments, after.again, after.begun, after.state) == ({"seen": 7, "token": "t"}, None, False, "waiting")


def test_a_cursor_outlives_its_fetch_and_begins_the_next_one() -> None:
    after = after_step(job(), Pulled(cursor={"seen": 7, "page": 3}), BOX, NOW)

    assert after is not None
    assert after.state == "idle"
    asked = replace(after, step=sealed(BOX, Fetch("k", {"seen": 1, "token": "t"}), resumes=True))
    assert asked.fetch(BOX) == Fetch("k", {"seen": 1, "page": 3, "token": "t"})


def test_arguments_are_sealed_and_those_of_an_earlier_version_are_read_as_they_are() -> None:
    document = sealed(BOX, Fetch("k", {"token": "private"}))

    assert "private" not in str(document)
    assert opened(BOX, document) == Fetch("k", {"token": "private"})
    assert opened(BOX, {"key": "k", "arguments": {"page": 2}}) == Fetch("k", {"page": 2})


def test_a_round_of_a_poll_begins_so_many_seconds_after_the_one_before_began_with_its_cursor() -> None:
    after = after_step(poll(step=PAGE), Pulled(cursor={"seen": 7}), BOX, NOW)

    assert after is not None
    assert (after.fetch(BOX), after.begun) == (Fetch("k", {"seen": 7}), False)
    assert after.next_at == NOW + timedelta(seconds=280)


def test_a_poll_that_took_longer_than_its_pause_goes_on_at_once() -> None:
    after = after_step(poll(round_at=NOW - timedelta(hours=1)), Pulled(), BOX, NOW)

    assert after is not None
    assert after.next_at == NOW


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2), (1, 4), (4, 32), (50, 900)])
def test_waits_grow_up_to_a_limit(failures: int, seconds: float) -> None:
    after = failed(job(failures=failures))

    assert after.next_at - NOW == timedelta(seconds=seconds)
    assert after_failure(job(failures=failures), Failure("x"), POLICY, NOW, 0.0).next_at - NOW == timedelta(seconds=seconds / 2)


def test_a_vendor_that_says_when_to_come_again_is_obeyed_within_reason() -> None:
    assert failed(job(), Failure("429", 120)).next_at == NOW + timedelta(seconds=120)
    assert failed(job(), Failure("429", 1e9)).next_at == NOW + timedelta(hours=6)


def test_a_fetch_is_dead_when_nothing_can_help_or_a_day_is_over() -> None:
    assert failed(job(), Failure("gone", final=True)).state == "dead"
    assert failed(job(failures=60), now=NOW + timedelta(hours=23)).state == "waiting"
    assert failed(job(failures=60), now=NOW + timedelta(hours=23, minutes=50)).state == "dead"


def test_a_poll_is_never_given_up_and_never_comes_faster_for_having_failed() -> None:
    after = failed(poll(failures=9, trying_since=NOW - timedelta(days=9)), Failure("gone", final=True))

    assert (after.state, after.begun, after.failures) == ("waiting", False, 10)
    assert after.next_at == NOW + timedelta(seconds=900)
    assert failed(poll()).next_at == NOW + timedelta(seconds=280)


def test_a_page_of_a_poll_is_tried_again_soon_until_the_round_begins_anew() -> None:
    soon, anew = failed(poll(step=PAGE)), failed(poll(step=PAGE, failures=PAGE_FAILURES - 1))

    assert (soon.step, soon.begun, soon.next_at) == (PAGE, True, NOW + timedelta(seconds=2))
    assert (anew.step, anew.begun, anew.next_at) == (FIRST, False, NOW + timedelta(seconds=280))


def test_what_ended_processes_is_dead_and_of_a_poll_the_next_round_begins_hours_later() -> None:
    fetched, polled = failed(job(broken_off=6), SET_ASIDE), failed(poll(broken_off=6, step=PAGE), SET_ASIDE)

    assert (fetched.state, fetched.broken_off) == ("dead", 0)
    assert (polled.state, polled.step, polled.broken_off) == ("waiting", FIRST, 0)
    assert polled.next_at == NOW + timedelta(hours=6)
