"""What a message answers: numbers as people write them, words beside them, and nothing where it says something else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.surveys.domain.questions import Choice, Csat, FreeText, Likert, Nps, Option, Question, YesNo
from services.ingest.surveys.domain.replies import answered_by, by_reply, stops

T = {"en": "?", "zh-Hans": "？"}
NPS, CSAT, YES_NO, WHY = Nps(id="n", text=T), Csat(id="c", text=T), YesNo(id="y", text=T), FreeText(id="why", text=T)
CHOICE = Choice(id="o", text=T, options=(Option(id="price", text={"en": "Price", "zh-Hans": "价格"}), Option(id="other", text=T)))


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("9", 9), ("９", 9), ("九", 9), ("九分", 9), ("9分", 9), ("十分", 10), ("10", 10), ("0", 0), ("零分", 0), (" 9 ", 9),
        ("9!", 9), ("9。", 9), ("9/10", 9), ("9 out of 10", 9), ("9 points", 9), ("nine", 9), ("Ten.", 10), ("打9分", 9),
        ("9#", 9), ("7～", 7), ("9 😀", 9),
    ],
)  # fmt: skip
def test_a_number_is_a_score_however_it_is_written(text: str, score: int) -> None:
    assert answered_by((NPS,), {}, text) == {"n": {"score": score}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "11",
        "-9",
        "9.5",
        "9,5",
        "900",
        "9am",
        "9/5",
        "4/5",
        "when do you open?",
        "order 9",
        "九月",
        "nineteen",
        "+4915112345678",
        "9️⃣x",
    ],
)
def test_what_is_no_score_answers_nothing(text: str) -> None:
    assert answered_by((NPS, WHY), {}, text) == {}


def test_words_beside_a_number_answer_the_next_text_question_and_without_one_are_left_alone() -> None:
    said = "9 because the queue\nwas short 😀"

    assert answered_by((NPS, WHY), {}, said) == {"n": {"score": 9}, "why": {"text": "because the queue\nwas short 😀"}}
    assert answered_by((NPS, CSAT, WHY), {}, "9分，很快") == {"n": {"score": 9}, "why": {"text": "很快"}}
    assert answered_by((NPS,), {}, said) == {"n": {"score": 9}}


@pytest.mark.parametrize(
    ("question", "text", "found"),
    [
        (YES_NO, "Yes!", {"score": 1}), (YES_NO, "没有", {"score": 0}), (YES_NO, "1", {"score": 1}),
        (YES_NO, "maybe", None), (YES_NO, "2", None), (CHOICE, "1", {"choice": "price"}),
        (CHOICE, "价格", {"choice": "price"}), (CHOICE, "price", {"choice": "price"}), (CHOICE, "3", None),
        (CSAT, "5", {"score": 5}), (CSAT, "0", None), (CSAT, "4 stars", {"score": 4}), (CSAT, "五星", {"score": 5}),
        (WHY, "9", {"text": "9"}), (WHY, " ", None),
    ],
)  # fmt: skip
def test_each_kind_of_question_is_answered_in_its_own_words(question: Question, text: str, found: Any) -> None:
    assert answered_by((question,), {}, text) == ({} if found is None else {question.id: found})


def test_one_question_is_open_at_a_time_and_may_be_passed_over() -> None:
    questions = (NPS, CSAT, WHY)

    assert answered_by(questions, {"n": {"score": 9}}, "4") == {"c": {"score": 4}}
    assert answered_by(questions, {"n": {"score": 9}}, "跳过") == {"c": None}
    assert answered_by(questions, {"n": {"score": 9}, "c": None}, "4") == {"why": {"text": "4"}}
    assert answered_by(questions, {"n": {"score": 9}, "c": None, "why": None}, "4") == {}


@pytest.mark.parametrize(
    ("text", "channel", "ends"),
    [
        ("STOP", "sms", True), ("stop.", "sms", True), ("退订", "sms", True), ("TD", "sms", True), ("Ｔ", "sms", True),
        ("退订", "messaging", True), ("cancel", "messaging", False), ("cancel", "sms", True),
        ("please stop calling me", "sms", False), ("9", "sms", False), ("t", "chat", False),
    ],
)  # fmt: skip
def test_a_message_that_says_nothing_but_stop_ends_all_surveys(text: str, channel: str, ends: bool) -> None:
    assert stops(text, channel) is ends


def test_pairs_cannot_be_answered_by_one_message() -> None:
    assert by_reply((NPS, CSAT, YES_NO, CHOICE, WHY))
    assert not by_reply((Likert(id="l", text=T, dimension="d", importance=True),))


@given(st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_an_answer_on_the_scale_or_none(text: str) -> None:
    found = answered_by((NPS, WHY), {}, text)

    score = (found.get("n") or {}).get("score")
    assert not found or score is None or 0 <= int(score) <= 10
