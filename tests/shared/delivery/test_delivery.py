"""What an attempt makes of a delivery, and how long the next one waits."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.delivery.delivery import DEFAULT_POLICY, Delivery, NewDelivery, Outcome, Verdict, after_attempt

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGAIN = Outcome(Verdict.AGAIN, "answered 500", 500)


def leased(trying_since: datetime = NOW, failures: int = 0) -> Delivery:
    return Delivery(
        id=UUID(int=1), tenant="acme", group_key="g", receiver="a", kind="webhook", sequence=1, body=b"", state="leased", attempt=1,
        failures=failures, created_at=trying_since, trying_since=trying_since, next_at=NOW + timedelta(seconds=30),
        lease_until=NOW + timedelta(seconds=30),
    )  # fmt: skip


def test_waits_grow_by_half_from_half_a_second_to_a_minute() -> None:
    waits = [DEFAULT_POLICY.retry_seconds(failures, AGAIN, 1.0) for failures in (1, 2, 3, 12, 13, 10_000)]

    assert waits == [0.5, 0.75, 1.125, 0.5 * 1.5**11, 60.0, 60.0]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_a_wait_is_within_its_bounds_and_not_shorter_than_asked_for(failures: int, chance: float, asked: float | None) -> None:
    wait = DEFAULT_POLICY.retry_seconds(failures, Outcome(Verdict.AGAIN, "answered 429", 429, asked), chance)

    assert 0.25 <= wait <= 3600
    assert wait >= min(asked or 0, 3600)


def test_after_a_day_of_trying_it_is_given_up() -> None:
    day_ago = NOW - timedelta(days=1)

    just_before = after_attempt(leased(day_ago + timedelta(seconds=61), 50), AGAIN, DEFAULT_POLICY, NOW, 0.5)
    then = after_attempt(leased(day_ago, 50), AGAIN, DEFAULT_POLICY, NOW, 0.5)

    assert just_before.state == "pending"
    assert (then.state, then.dead_because, then.finished_at) == ("dead", "expired", NOW)


def test_it_is_known_since_when_it_fails() -> None:
    once = after_attempt(leased(), AGAIN, DEFAULT_POLICY, NOW, 0.5)
    twice = after_attempt(once, Outcome(Verdict.AGAIN, "answered 502", 502), DEFAULT_POLICY, NOW + timedelta(seconds=1), 0.5)

    assert (twice.first_failed_at, twice.first_error, twice.last_error, twice.failures) == (NOW, "answered 500", "answered 502", 2)


def test_an_id_follows_from_tenant_group_receiver_and_sequence_alone() -> None:
    one = NewDelivery("acme", "g", "a", "webhook", 1, b"x")

    assert one.id == NewDelivery("acme", "g", "a", "email", 1, b"y").id
    others = [("other", "g", "a", 1), ("acme", "ga", "", 1), ("acme", "g", "b", 1), ("acme", "g", "a", 2)]
    assert len({one.id, *(NewDelivery(t, g, r, "webhook", s, b"x").id for t, g, r, s in others)}) == 5
