"""Each metric from its histograms."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.instruments import COUNTED, UNIT, place_answer
from services.scoring.domain.metrics import METRICS, MetricName, Number


def histogram(
    instrument: str, answers: dict[float, int], low: float | None = None, high: float | None = None, polarity: str | None = None
) -> dict[int, int]:
    return {place_answer(instrument, score, low, high, polarity)[1]: count for score, count in answers.items()}


def test_nps_gives_the_worked_example_in_points() -> None:
    number = METRICS["nps"].compute(histogram("nps", {10: 20, 9: 5, 8: 6, 7: 4, 6: 10, 0: 5}))

    assert (number.value, number.n) == (20.0, 50)
    assert (number.ci_low, number.ci_high) == pytest.approx((-4.40721141, 42.14306046), abs=1e-8)
    assert number.components == {"promoters": 25, "passives": 10, "detractors": 15}


def test_nps_of_promoters_only_is_clipped_at_100() -> None:
    number = METRICS["nps"].compute(histogram("nps", {10: 10}))

    assert (number.value, number.ci_high) == (100.0, 100.0)
    assert number.ci_low == pytest.approx(47.50355154, abs=1e-8)


def test_one_nps_answer_has_a_value_and_no_interval() -> None:
    assert METRICS["nps"].compute({3 * UNIT: 1}) == Number(-100.0, 1, None, None, {"promoters": 0, "passives": 0, "detractors": 1})


def test_csat_counts_each_answer_on_its_own_scale_and_has_the_mean_beside_it() -> None:
    five, two = histogram("csat", {5: 1, 4: 1, 3: 1}, 1, 5), histogram("csat", {2: 1}, 1, 2)
    assert five.keys() & two.keys(), "5 of 5 and 2 of 2 are the same component"

    number = METRICS["csat"].compute({component: five.get(component, 0) + two.get(component, 0) for component in five | two})

    assert (number.value, number.n) == (0.75, 4)
    assert number.components == {"satisfied": 3, "mean": pytest.approx((1 + 0.75 + 0.5 + 1) / 4)}


def test_csat_gives_wilsons_interval() -> None:
    number = METRICS["csat"].compute(histogram("csat", {5: 81, 1: 182}, 1, 5))

    assert (number.ci_low, number.ci_high) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_ces_ease_gives_the_worked_example() -> None:
    number = METRICS["ces_ease"].compute(histogram("ces", {7: 20, 6: 25, 5: 15, 4: 10, 3: 10, 2: 10, 1: 10}, 1, 7, "ease"))

    assert (number.value, number.n) == (4.65, 100)
    assert number.components == {"easy": 60, "easy_share": 0.6}


def test_ces_effort_has_its_easy_end_at_the_low_scores() -> None:
    number = METRICS["ces_effort"].compute(histogram("ces", {1: 2, 3: 1, 4: 1, 7: 1}, 1, 7, "effort"))

    assert number.components == {"easy": 3, "easy_share": 0.6}


def test_complaint_rate_counts_interactions_and_has_the_exact_poisson_interval() -> None:
    number = METRICS["complaint_rate"].compute({COUNTED: 10}, {COUNTED: 4000})

    assert (number.value, number.n) == (2.5, 4000)
    assert (number.ci_low, number.ci_high) == pytest.approx((4.7954 / 4, 18.3904 / 4), abs=5e-5)
    assert number.components == {"complaints": 10, "interactions": 4000}


def test_complaints_without_any_interaction_have_no_rate() -> None:
    assert METRICS["complaint_rate"].compute({COUNTED: 3}, {}) == Number(None, 0, None, None, {"complaints": 3, "interactions": 0})


def test_response_rate_is_the_share_of_the_sent_that_were_answered_with_wilsons_interval() -> None:
    number = METRICS["response_rate"].compute({COUNTED: 81}, {COUNTED: 263})

    assert (number.value, number.n) == (81 / 263, 263)
    assert (number.ci_low, number.ci_high) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table I, method 3
    assert number.components == {"answered": 81, "sent": 263}


def test_no_more_than_all_are_answered_where_a_window_holds_answers_to_what_was_sent_before_it() -> None:
    number = METRICS["response_rate"].compute({COUNTED: 3}, {COUNTED: 2})

    assert (number.value, number.n, number.ci_high) == (1, 2, 1)
    assert number.components == {"answered": 3, "sent": 2}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_nothing_observed_is_null_and_never_zero(metric: object) -> None:
    number = metric.compute(*({} for _ in metric.measures))  # type: ignore[attr-defined]

    assert (number.value, number.n, number.ci_low, number.ci_high) == (None, 0, None, None)


def test_every_metric_that_a_request_may_name_is_defined() -> None:
    assert set(get_args(MetricName)) == set(METRICS)


@given(st.lists(st.sampled_from([score * UNIT for score in range(11)]), min_size=1))
def test_a_histogram_in_any_order_gives_the_same_number_to_the_last_bit(scores: list[int]) -> None:
    forwards = {score: scores.count(score) for score in scores}
    backwards = {score: scores.count(score) for score in reversed(scores)}

    assert METRICS["nps"].compute(forwards) == METRICS["nps"].compute(backwards)
    assert METRICS["ces_ease"].compute(forwards) == METRICS["ces_ease"].compute(backwards)
