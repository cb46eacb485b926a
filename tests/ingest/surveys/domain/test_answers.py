"""What a page sends becomes answers of the contract, or is refused; flags tell what was hardly meant."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.surveys.domain.answers import Given, WrongAnswer, answer, answers, next_question, read
from services.ingest.surveys.domain.flags import flags
from services.ingest.surveys.domain.questions import Ces, Choice, Csat, FreeText, Kano, Lang, Likert, Nps, Option, Question, Servqual, YesNo
from services.ingest.surveys.domain.templates import TEMPLATES
from shared.contracts.decoding import admit

T: dict[Lang, str] = {"en": "?", "zh-Hans": "？"}
NOW = datetime(2026, 11, 22, tzinfo=UTC)

CASES: list[tuple[Question, dict[str, str], dict[str, Any]]] = [
    (Nps(id="q", text=T), {"score": "10"}, {"instrument": "nps", "score": 10}),
    (Csat(id="q", text=T), {"score": "5"}, {"instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}),
    (Ces(id="q", text=T), {"score": "1"}, {"instrument": "ces", "polarity": "effort", "score": 1, "scale_min": 1, "scale_max": 7}),
    (
        Likert(id="q", text=T, dimension="price", importance=True),
        {"score": "2", "importance": "5"},
        {"instrument": "likert", "dimension": "price", "score": 2, "importance": 5, "scale_min": 1, "scale_max": 5},
    ),
    (
        Servqual(id="q", text=T, expectation=T, dimension="empathy"),
        {"score": "4", "expectation": "7"},
        {"instrument": "likert", "dimension": "empathy", "score": 4, "expectation": 7, "scale_min": 1, "scale_max": 7},
    ),
    (
        Kano(id="q", text=T, dysfunctional=T, dimension="tracking"),
        {"functional": "1", "dysfunctional": "5"},
        {"instrument": "choice", "dimension": "tracking", "functional": 1, "dysfunctional": 5, "choice": "like"},
    ),
    (YesNo(id="q", text=T), {"score": "0"}, {"instrument": "yes_no", "score": 0}),
    (
        Choice(id="q", text=T, options=(Option(id="a", text=T), Option(id="b", text=T))),
        {"choice": "b"},
        {"instrument": "choice", "choice": "b"},
    ),
    (FreeText(id="q", text=T), {"text": " 很好 😀\r\n!"}, {"instrument": "text", "text": "很好 😀\n!"}),
]


@pytest.mark.parametrize(("question", "sent", "expected"), CASES, ids=lambda value: getattr(value, "kind", None))
def test_each_kind_becomes_an_answer_that_the_contract_takes(question: Question, sent: dict[str, str], expected: dict[str, Any]) -> None:
    found = answer(question, read(question, sent))

    assert found == {"question": "q", **expected}
    data = {"channel": "web", "survey": "s", "answers": [found]}
    admit(json.dumps({"type": "feedback.survey_answered.v1", "time": NOW.isoformat(), "data": data}).encode(), NOW)


@given(value=st.text(max_size=20) | st.integers(-20, 20).map(str))
@pytest.mark.parametrize(("question", "field"), [(question, field) for question, sent, _ in CASES for field in sent])
def test_whatever_is_sent_is_an_answer_within_the_scale_or_refused(question: Question, field: str, value: str) -> None:
    sent = {**next(sent for asked, sent, _ in CASES if asked == question), field: value}

    try:
        given_now = read(question, sent)
    except WrongAnswer as wrong:
        assert wrong.field == field
        return

    if question.scale is not None:
        assert question.scale[0] <= int(given_now[field]) <= question.scale[1]
    else:
        assert given_now[field]


def test_the_page_goes_on_with_the_first_question_that_is_open() -> None:
    questions = TEMPLATES["ces"].questions

    assert [next_question(questions, dict.fromkeys(done)) for done in ((), ("effort",), ("solved",), [q.id for q in questions])] == [
        0,
        1,
        0,
        5,
    ]


def test_answers_come_in_the_order_of_the_survey() -> None:
    found = answers(TEMPLATES["ces"].questions, {"solved": {"score": 1}, "effort": {"score": 2}})

    assert [one["question"] for one in found] == ["effort", "solved"]


SCALED: tuple[Question, ...] = tuple(Csat(id=f"q_{n}", text=T, dimension="d") for n in range(5))


def all_of(*scores: int) -> dict[str, Given]:
    return {f"q_{n}": {"score": score} for n, score in enumerate(scores)}


@pytest.mark.parametrize(
    ("questions", "given_now", "seconds", "expected"),
    [
        (SCALED, all_of(1, 2, 3, 4, 5), 60, ()),
        (SCALED, all_of(1, 2, 3, 4, 5), 7.9, ("speeder",)),
        (SCALED, all_of(1, 2, 3, 4, 5), 8, ()),
        (SCALED, all_of(4, 4), 1, ()),
        (SCALED, all_of(4, 4, 4, 4, 4), 60, ("straight_liner",)),
        (SCALED, all_of(4, 4, 4, 4), 60, ()),
        ((Nps(id="n", text=T), Csat(id="c", text=T)), {"n": {"score": 10}, "c": {"score": 1}}, 60, ("contradiction",)),
        ((Nps(id="n", text=T), Csat(id="c", text=T)), {"n": {"score": 0}, "c": {"score": 5}}, 60, ("contradiction",)),
        ((Nps(id="n", text=T), Csat(id="c", text=T, dimension="price")), {"n": {"score": 10}, "c": {"score": 1}}, 60, ()),
        ((Nps(id="n", text=T), Csat(id="c", text=T)), {"n": {"score": 7}, "c": {"score": 1}}, 60, ()),
        ((CASES[5][0],), {"q": {"functional": 5, "dysfunctional": 5}}, 60, ("contradiction",)),
        ((CASES[5][0],), {"q": {"functional": 3, "dysfunctional": 3}}, 60, ()),
    ],
)
def test_flags(questions: tuple[Question, ...], given_now: dict[str, Given], seconds: float, expected: tuple[str, ...]) -> None:
    assert flags(questions, given_now, seconds) == expected
