"""Where an answer is counted, on scales of every shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.instruments import COUNTED, UNIT, contributions, csat_parts, place_answer
from shared.errors import InvalidEvent
from tests.scoring.events import NOON, event


def satisfied(score: float, low: float, high: float) -> bool:
    return csat_parts(place_answer("csat", score, low, high, None)[1])[1]


def normalised(score: float, low: float, high: float) -> float:
    return csat_parts(place_answer("csat", score, low, high, None)[1])[0] / UNIT


@pytest.mark.parametrize(
    ("low", "high", "lowest_satisfied"),
    [
        (1, 5, 4),
        (0, 5, 4),
        (0, 10, 9),
        (1, 10, 9),
        (1, 7, 6),
        (1, 4, 3),
        (0, 3, 2),
        (1, 3, 3),
        (0, 2, 2),
        (0, 1, 1),
        (1, 2, 2),
        (-2, 2, 1),
        (0, 100, 99),
    ],
)
def test_the_top_box_is_two_points_of_scales_with_four_or_more_and_one_of_shorter_ones(low: int, high: int, lowest_satisfied: int) -> None:
    flags = {score: satisfied(score, low, high) for score in range(low, high + 1)}

    assert flags == {score: score >= lowest_satisfied for score in flags}


def test_half_points_are_satisfied_from_the_second_highest_point_on() -> None:
    assert satisfied(4.5, 1, 5)
    assert satisfied(4.0, 0.5, 5)
    assert not satisfied(3.999, 1, 5)
    assert not satisfied(2.5, 1, 3)


def test_decimal_scores_meet_the_edge_of_a_box_exactly() -> None:
    assert satisfied(0.1 + 0.2, 0, 0.3)
    assert satisfied(5.1 - 1, 1.1, 5.1)
    assert place_answer("ces", 0.1 * 3, 0, 0.9, "effort") == ("ces_effort", 3 * UNIT)


@given(st.integers(-20, 20), st.integers(1, 40), st.data())
def test_a_csat_score_is_normalised_to_its_place_between_the_ends(low: int, span: int, data: st.DataObject) -> None:
    score = data.draw(st.integers(low, low + span))

    assert normalised(score, low, low + span) == pytest.approx((score - low) / span, abs=0.5 / UNIT)
    assert normalised(low, low, low + span) == 0
    assert normalised(low + span, low, low + span) == 1


@pytest.mark.parametrize("polarity", ["effort", "ease"])
@pytest.mark.parametrize(
    ("score", "low", "high", "mapped"),
    [
        (1, 1, 7, 1.0),
        (7, 1, 7, 7.0),
        (5, 1, 7, 5.0),
        (3, 1, 5, 4.0),
        (4, 1, 5, 5.5),
        (2, 1, 4, 3.0),
        (3, 1, 4, 5.0),
        (5, 0, 10, 4.0),
        (0, 0, 1, 1.0),
    ],
)
def test_ces_is_mapped_linearly_to_1_to_7_and_never_turned_round(
    polarity: str, score: float, low: float, high: float, mapped: float
) -> None:
    assert place_answer("ces", score, low, high, polarity) == (f"ces_{polarity}", int(mapped * UNIT))


@pytest.mark.parametrize("score", range(11))
def test_an_nps_answer_is_counted_by_its_score(score: int) -> None:
    assert place_answer("nps", float(score), None, None, None) == ("nps", score * UNIT)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (("nps", 11, None, None, None), "score_out_of_range"),
        (("nps", -1, None, None, None), "score_out_of_range"),
        (("csat", 6, 1, 5, None), "score_out_of_range"),
        (("csat", 4, 5, 1, None), "scale_empty"),
        (("csat", 1, 1, 1, None), "scale_empty"),
        (("csat", 0, 0, 1e-9, None), "scale_empty"),
        (("csat", 4, None, 5, None), "scale_missing"),
        (("ces", 4, 1, None, "ease"), "scale_missing"),
        (("ces", 4, 1, 7, None), "polarity_missing"),
    ],
)
def test_an_answer_that_no_rule_places_is_refused_with_its_reason(
    answer: tuple[str, float, float | None, float | None, str | None], reason: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        place_answer(*answer)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("type", "data", "counted"),
    [
        ("survey_sent", {"invitation": "i"}, ["surveys_sent"]),
        ("survey_opened", {"invitation": "i"}, []),
        (
            "survey_answered",
            {"invitation": "i", "answers": [{"question": "why", "instrument": "text", "text": "slow"}]},
            ["surveys_answered"],
        ),
        ("survey_answered", {"answers": [{"question": "why", "instrument": "text", "text": "slow"}]}, []),
    ],
)
def test_a_survey_counts_as_sent_and_as_answered_where_somebody_was_invited(type: str, data: dict[str, object], counted: list[str]) -> None:
    said = event(f"feedback.{type}.v1", {"channel": "email", "survey": "s", **data}, id="i", at=NOON)

    assert contributions(said) == (tuple(counted), (COUNTED,) * len(counted))
