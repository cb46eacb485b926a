"""What a definition takes, warns of, and how it is split."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.ingest.surveys.domain.definition import BLOCK, SurveyDocument, block_for, blocks
from services.ingest.surveys.domain.questions import Csat, FreeText, Lang, Nps, Question, Servqual
from services.ingest.surveys.domain.templates import TEMPLATES

BOTH: dict[Lang, str] = {"en": "a text", "zh-Hans": "文字"}


def survey(*questions: Question, **more: Any) -> SurveyDocument:
    return SurveyDocument(title=BOTH, purpose=BOTH, questions=questions or (Nps(id="q", text=BOTH),), **more)


def single(number: int, always: bool = False) -> Csat:
    return Csat(id=f"single_{number}", text=BOTH, always=always)


def pair(number: int) -> Servqual:
    return Servqual(id=f"pair_{number}", text=BOTH, expectation=BOTH, dimension="empathy")


def test_a_survey_of_one_question_is_taken_and_warned_of() -> None:
    told = survey().warnings

    assert told == [
        "a customer is asked 1 question; 5 to 10 are answered best",
        "answering takes about 1 min; 3 to 5 are advised",
    ]


def test_a_survey_of_thirty_questions_is_taken_and_warned_of() -> None:
    told = survey(*map(single, range(30))).warnings

    assert [warning.split(";")[0] for warning in told] == ["a customer is asked 30 questions", "answering takes about 11 min"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_speaks_both_languages_and_needs_no_warning(name: str) -> None:
    template = TEMPLATES[name]

    assert template.languages == ("en", "zh-Hans")
    assert template.warnings == []
    assert SurveyDocument.model_validate_json(template.model_dump_json()) == template


def test_the_satisfaction_template_asks_for_the_seven_dimensions() -> None:
    dimensions = [question.dimension for question in TEMPLATES["csi"].questions if isinstance(question, Csat) and question.dimension]

    assert dimensions == ["quality", "function", "price", "delivery", "after_sales", "technical_support", "communication"]


def test_servqual_asks_its_22_items_in_five_dimensions_over_all_customers() -> None:
    parts = blocks(TEMPLATES["servqual"])

    asked = [question.id for part in parts for question in part]
    assert len(asked) == len(set(asked)) == 22
    assert {question.dimension for part in parts for question in part if isinstance(question, Servqual)} == {
        "tangibles", "reliability", "responsiveness", "assurance", "empathy",
    }  # fmt: skip


@given(singles=st.integers(0, 40), pairs=st.integers(0, 40), always=st.integers(0, 3))
def test_blocks_hold_every_question_once_and_no_more_than_ten_prompts(singles: int, pairs: int, always: int) -> None:
    questions = [*map(single, range(singles)), *map(pair, range(pairs)), *(single(100 + n, True) for n in range(always))]
    if not questions:
        return

    parts = blocks(survey(*questions, split=True))

    assert all(sum(question.prompts for question in part) <= BLOCK for part in parts)
    asked = sorted(question.id for part in parts for question in part if not question.always)
    assert asked == sorted(question.id for question in questions if not question.always)
    assert all({question.id for question in questions if question.always} <= {question.id for question in part} for part in parts)


@given(st.integers(0, 2**63))
def test_every_customer_gets_one_of_the_blocks(number: int) -> None:
    assert block_for(TEMPLATES["servqual"], number) in blocks(TEMPLATES["servqual"])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"questions": [single(1), single(1)]}, "different ids"),
        ({"title": {"en": "only English"}}, "missing in zh-Hans"),
        ({"mode": "wave"}, "belong together"),
        ({"earliest_hours": 48, "latest_hours": 24}, "greater than earliest_hours"),
        ({"quiet": {"since": "09:00", "until": "09:00"}}, "no time to send"),
        ({"quiet": {"since": "20:00Z", "until": "09:00"}}, "without an offset"),
        ({"quiet": {"since": 72_000, "until": 32_400}}, "without an offset"),
        ({"questions": []}, "at least 1 item"),
        ({"surprise": 1}, "not permitted"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SurveyDocument.model_validate({"title": BOTH, "purpose": BOTH, "questions": [FreeText(id="q", text=BOTH)], **changed})
