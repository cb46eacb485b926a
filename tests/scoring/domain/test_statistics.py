"""Intervals against published values, the worked examples, and scipy.stats."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.scoring.domain.statistics import adjusted_wald_difference, mean_of_histogram, poisson_rate, wilson

counts = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("plus", "neutral", "minus", "low", "high"),
    [(25, 10, 15, -0.0440721141, 0.4214306046), (10, 0, 0, 0.4750355154, 1.0)],
)
def test_the_adjusted_wald_interval_gives_the_worked_examples_and_is_clipped(
    plus: int, neutral: int, minus: int, low: float, high: float
) -> None:
    interval = adjusted_wald_difference(plus, neutral, minus)

    assert interval is not None
    assert interval == pytest.approx((low, high), abs=1e-10)


@pytest.mark.parametrize(("plus", "neutral", "minus"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_fewer_than_two_answers_have_no_interval(plus: int, neutral: int, minus: int) -> None:
    assert adjusted_wald_difference(plus, neutral, minus) is None


@given(counts, counts, counts)
def test_the_trinomial_interval_holds_the_adjusted_difference_and_turns_with_the_sign(plus: int, neutral: int, minus: int) -> None:
    interval = adjusted_wald_difference(plus, neutral, minus)
    turned = adjusted_wald_difference(minus, neutral, plus)

    if plus + neutral + minus < 2:
        assert interval is None
    else:
        assert interval is not None
        assert turned is not None
        assert -1 <= interval.low <= (plus - minus) / (plus + neutral + minus + 3) <= interval.high <= 1
        assert (-turned.high, -turned.low) == pytest.approx(interval, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_wilson_gives_newcombes_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)

    assert interval is not None
    assert interval == pytest.approx((low, high), abs=5e-5)


@given(counts, counts)
def test_wilson_agrees_with_scipy(successes: int, failures: int) -> None:
    n = successes + failures
    interval = wilson(successes, n)

    if n == 0:
        assert interval is None
    else:
        reference = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert interval is not None
        assert interval == pytest.approx((reference.low, reference.high), abs=1e-9)
        assert 0 <= interval.low <= successes / n <= interval.high <= 1


def test_the_mean_gives_the_worked_example_of_ces() -> None:
    mean = mean_of_histogram({7: 20, 6: 25, 5: 15, 4: 10, 3: 10, 2: 10, 1: 10}, 1)

    assert mean is not None
    assert mean.value == 4.65


@given(st.lists(st.integers(0, 7_000_000), min_size=2, max_size=200))
def test_the_mean_and_its_interval_agree_with_scipy(scores: list[int]) -> None:
    mean = mean_of_histogram(Counter(scores), 1_000_000)

    points = [score / 1_000_000 for score in scores]
    centre, error = sum(points) / len(points), float(stats.sem(points))
    assert mean is not None
    assert mean.interval is not None
    assert mean.value == pytest.approx(centre, abs=1e-9)
    half = stats.t.ppf(0.975, len(points) - 1) * error
    assert mean.interval == pytest.approx((centre - half, centre + half), abs=1e-6)


def test_no_score_has_no_mean_and_one_score_has_no_interval() -> None:
    assert mean_of_histogram({}, 1) is None
    assert mean_of_histogram({5: 1}, 1) == (5.0, None)


def test_equal_scores_have_an_interval_of_no_width() -> None:
    mean = mean_of_histogram({3_333_333: 7}, 1_000_000)

    assert mean is not None
    assert mean.interval == (mean.value, mean.value)


@given(counts, st.floats(0.001, 1e6))
def test_the_poisson_interval_agrees_with_garwoods_chi_square_form(count: int, exposure: float) -> None:
    interval = poisson_rate(count, exposure)

    low = 0.0 if count == 0 else stats.chi2.ppf(0.025, 2 * count) / 2
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    assert interval is not None
    assert interval == pytest.approx((low / exposure, high / exposure), rel=1e-9)


def test_ten_events_have_the_published_exact_poisson_interval() -> None:
    interval = poisson_rate(10, 1)

    assert interval is not None
    assert interval == pytest.approx((4.7954, 18.3904), abs=5e-5)


def test_no_exposure_has_no_rate_and_no_event_has_the_rule_of_three_and_a_bit() -> None:
    none_seen = poisson_rate(0, 1)

    assert poisson_rate(3, 0) is None
    assert none_seen == pytest.approx((0.0, -math.log(0.025)))
