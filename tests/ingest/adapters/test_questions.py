"""What the options say of a question decides how its answers count."""

import pytest
from pydantic import ValidationError

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import Question, answered, told


def test_words_become_the_points_that_the_options_give_them_and_stay_what_was_chosen() -> None:
    asked = Question(instrument="csat", scale_min=1, scale_max=3, points={"Great": 3, "Okay": 2, "Bad": 1})

    answers = [answered("q", Node(word), asked) for word in (" Great ", "okay", 2)]

    scale = {"question": "q", "instrument": "csat", "scale_min": 1, "scale_max": 3}
    assert answers == [{**scale, "score": 3, "choice": "Great"}, {**scale, "score": 2, "choice": "okay"}, {**scale, "score": 2}]


@pytest.mark.parametrize(
    ("face", "points"), [("😡", 1), ("🙁", 2), ("😐", 3), ("🙂", 4), ("😍", 5)], ids=["furious", "unhappy", "neither", "happy", "delighted"]
)
def test_a_face_on_a_scale_of_five_counts_by_how_happy_it_looks(face: str, points: int) -> None:
    from_one, from_zero = (answered("q", Node(face), Question(instrument="csat", scale_min=low, scale_max=low + 4)) for low in (1, 0))

    assert from_one == {"question": "q", "instrument": "csat", "score": points, "scale_min": 1, "scale_max": 5, "choice": face}
    assert from_zero == {"question": "q", "instrument": "csat", "score": points - 1, "scale_min": 0, "scale_max": 4, "choice": face}


def test_a_face_on_another_scale_has_to_be_given_its_points() -> None:
    with pytest.raises(Unreadable, match="should be a number"):
        answered("q", Node("😍"), Question(instrument="csat", scale_min=1, scale_max=7))


@pytest.mark.parametrize("sent", [0, 0.0, "0", "0.0", "N/A"])
def test_what_says_that_a_question_does_not_apply_is_no_answer(sent: object) -> None:
    asked = Question(instrument="csat", scale_min=0, scale_max=5, not_applicable=frozenset({"0", "N/A"}))

    assert answered("q", Node(sent), asked) is None
    assert told("q", Node(6), Node("N/A"), asked) is None


def test_nought_is_an_answer_where_nobody_said_otherwise() -> None:
    answer = answered("q", Node(0), Question(instrument="csat", scale_min=0, scale_max=5))

    assert answer == {"question": "q", "instrument": "csat", "score": 0, "scale_min": 0, "scale_max": 5}


def test_a_number_and_its_words_count_by_the_number_on_a_scale_and_by_the_words_without_one() -> None:
    scale = Question(instrument="csat", scale_min=1, scale_max=5)

    on_scale, chosen = told("q", Node(4), Node("Satisfied"), scale), told("q", Node(4), Node("Satisfied"), None)

    assert on_scale == {"question": "q", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}
    assert chosen == {"question": "q", "instrument": "choice", "choice": "Satisfied"}


def test_a_number_that_nobody_explained_is_not_guessed() -> None:
    with pytest.raises(Unreadable, match="options should say what the question q asks"):
        told("q", Node(4), Node(None), None)


@pytest.mark.parametrize("wrong", [{"instrument": "ces"}, {"instrument": "csat", "scale_min": 5, "scale_max": 1}])
def test_a_question_whose_answers_could_not_be_scored_is_refused_when_it_is_set(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Question.model_validate(wrong)
