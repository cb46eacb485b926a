"""Vendors' scales by rule: what was chosen is kept, its points lie on the scale, and nothing is guessed."""

import pytest

from services.ingest.adapters import scales
from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.scales import Scale, pointed, worded


@pytest.mark.parametrize(
    ("scale", "words", "points"),
    [
        (scales.GOOD_BAD, ["bad", "Good", "👍", "👎"], [(0, 0, 1), (1, 0, 1), (1, 0, 1), (0, 0, 1)]),
        (scales.GREAT_OKAY_BAD, ["Great", "Okay", " Bad "], [(3, 1, 3), (2, 1, 3), (1, 1, 3)]),
        (scales.STAR_WORDS, ["ONE", "FIVE"], [(1, 1, 5), (5, 1, 5)]),
        (scales.HAPPINESS, ["-103", "-101", "100", "101", "103"], [(1, 1, 7), (3, 1, 7), (4, 1, 7), (5, 1, 7), (7, 1, 7)]),
    ],
    ids=["good and bad", "great, okay and bad", "stars as words", "happiness"],
)
def test_words_have_points_and_stay_what_was_chosen(scale: Scale, words: list[str], points: list[tuple[int, int, int]]) -> None:
    read = [worded(scale, word) for word in words]

    expected = [
        {"score": score, "scale_min": low, "scale_max": high, "choice": word.strip()}
        for word, (score, low, high) in zip(words, points, strict=True)
    ]
    assert read == expected


def test_a_word_that_the_scale_does_not_have_is_unreadable_and_blanks_are_no_answer() -> None:
    assert [worded(scales.GOOD_BAD, word) for word in (None, "", "  ")] == [None] * 3
    with pytest.raises(Unreadable):
        worded(scales.GOOD_BAD, "meh")


def test_every_word_of_every_scale_lies_on_it_and_every_point_has_a_word() -> None:
    for low, high, points in (scales.GOOD_BAD, scales.GREAT_OKAY_BAD, scales.STAR_WORDS, scales.HAPPINESS):
        assert set(points.values()) == set(range(low, high + 1))


def test_points_stay_on_the_scale_that_the_customer_saw() -> None:
    assert pointed(-1.2, -5, 5) == {"score": -1.2, "scale_min": -5, "scale_max": 5}
    assert pointed(0, 0, 5) == {"score": 0, "scale_min": 0, "scale_max": 5}


def test_no_points_are_no_answer() -> None:
    assert pointed(None, 0, 5) is None


@pytest.mark.parametrize("score", [-1, 5.01, 103])
def test_points_outside_the_scale_are_unreadable(score: float) -> None:
    with pytest.raises(Unreadable, match="0 to 5"):
        pointed(score, 0, 5)
