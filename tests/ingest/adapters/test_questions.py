"""What the options say of a question decides how its answers count."""

import pytest
from pydantic import ValidationError

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import Question, answered, told


def test_words_become_the_points_that_the_options_give_them() -> None:
    asked = Question(instrument="csat", scale_min=1, scale_max=3, points={"Great": 3, "Okay": 2, "Bad": 1})

    answer = answered("q", Node(" Great "), asked)

    assert answer == {"question": "q", "instrument": "csat", "score": 3, "scale_min": 1, "scale_max": 3}


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
