"""How fast keys and tenants may send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest import rates as module
from services.ingest.rates import Rates
from shared.web.problems import Problem


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    rates = Rates(per_key=10, per_tenant=1000, burst_seconds=2)
    for _ in range(20):
        rates.take("acme", "k1", 1, now=0.0)

    with pytest.raises(Problem) as caught:
        rates.take("acme", "k1", 1, now=0.0)
    rates.take("acme", "k1", 1, now=0.11)

    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "1")
    assert "this key sends more than 10 events a second" in caught.value.detail


def test_a_request_larger_than_a_bucket_passes_and_its_debt_is_waited_for() -> None:
    rates = Rates(per_key=10, per_tenant=1000, burst_seconds=1)
    rates.take("acme", "k1", 500, now=0.0)

    with pytest.raises(Problem) as caught:
        rates.take("acme", "k1", 1, now=1.0)
    rates.take("acme", "k1", 1, now=50.0)

    assert caught.value.headers["Retry-After"] == "49"


def test_keys_of_one_tenant_share_the_rate_of_the_tenant_and_no_other_tenants() -> None:
    rates = Rates(per_key=10, per_tenant=15, burst_seconds=1)
    rates.take("acme", "k1", 10, now=0.0)
    rates.take("acme", "k2", 5, now=0.0)

    with pytest.raises(Problem) as caught:
        rates.take("acme", "k3", 1, now=0.0)
    rates.take("umbrella", "k4", 1, now=0.0)

    assert caught.value.more == {"limit": "tenant", "events_per_second": 15}


def test_what_is_refused_takes_nothing_from_the_key() -> None:
    rates = Rates(per_key=10, per_tenant=5, burst_seconds=1)
    rates.take("acme", "k1", 9, now=0.0)
    with pytest.raises(Problem):
        rates.take("acme", "k1", 9, now=0.0)

    assert rates.wait_seconds("acme", "k1", now=1.1) == 0.0


def test_a_stream_learns_how_long_to_wait() -> None:
    rates = Rates(per_key=10, per_tenant=1000, burst_seconds=1)
    rates.take("acme", "k1", 20, now=0.0)

    assert rates.wait_seconds("acme", "k1", now=0.5) == pytest.approx(0.6)


def test_no_more_buckets_are_kept_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKETS", 10)
    rates = Rates(per_key=1, per_tenant=1000, burst_seconds=1)
    rates.take("acme", "in-use", 50, now=0.0)

    for number in range(100):
        rates.take(f"t{number}", f"k{number}", 1, now=number / 100)
        rates.wait_seconds("acme", "in-use", now=number / 100)

    assert len(rates._key._buckets) == len(rates._tenant._buckets) == 10
    assert rates.wait_seconds("acme", "in-use", now=1.0) > 0


@given(takes=st.lists(st.tuples(st.integers(1, 50), st.floats(0, 3)), max_size=40))
def test_never_more_passes_than_the_rate_and_one_burst_and_one_request(takes: list[tuple[int, float]]) -> None:
    rates, now, passed = Rates(per_key=10, per_tenant=1e9, burst_seconds=2), 0.0, 0
    for count, pause in takes:
        now += pause
        try:
            rates.take("acme", "k1", count, now)
            passed += count
        except Problem:
            pass

    assert passed <= 10 * now + 20 + 50
