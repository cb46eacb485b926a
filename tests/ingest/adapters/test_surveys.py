"""Survey vendors, beyond their samples: later versions, other kinds of questions, what nobody explained."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.ingest.adapters.adapter import Form, Outcome, Unreadable
from services.ingest.adapters.asknicely import Options as AskNicely
from services.ingest.adapters.delighted import Options as Delighted
from services.ingest.adapters.formbricks import Options as Formbricks
from services.ingest.adapters.questions import Question
from services.ingest.adapters.survicate import Options as Survicate
from tests.ingest.adapters.case import Case, with_members
from tests.ingest.adapters.cases import asknicely, delighted, formbricks, survicate
from tests.ingest.adapters.judging import take

CSAT = Question(instrument="csat", scale_min=1, scale_max=5)


def received(case: Case, body: bytes | None = None, options: Form | None = None, **members: Any) -> Outcome:
    """What becomes of a case's sample with other members, or of another body, and that ingest takes it."""
    changed = Case(**{**{name: getattr(case, name) for name in case.__dataclass_fields__}, "options": options or case.options})
    outcome = changed.receive(changed.request(with_members(case.body, **members) if body is None else body))
    take(outcome.events, case.at)
    return outcome


def answers(outcome: Outcome) -> Sequence[Mapping[str, Any]]:
    """The answers of its one event."""
    (event,) = outcome.events
    found: Sequence[Mapping[str, Any]] = event.data["answers"]
    return found


def test_formbricks_sends_a_list_in_older_releases() -> None:
    (case,) = formbricks.CASES

    outcome = received(case, b"[" + case.body + b"," + case.body.replace(b"cm8response000001", b"cm8response000002") + b"]")

    assert [event.id for event in outcome.events] == ["cm8response000001", "cm8response000002"]


def test_a_partial_response_of_formbricks_is_replaced_by_the_finished_one() -> None:
    (case,) = formbricks.CASES
    partial = received(
        case, event="responseCreated", data__finished=False, data__updatedAt="2026-03-19T10:01:00.000Z", data__data={"nps_q1": 9}
    )

    finished = received(case)

    assert partial.events[0].id == finished.events[0].id
    assert partial.events[0].data["revision"] < finished.events[0].data["revision"]


def test_hidden_fields_of_formbricks_name_the_customer_and_are_no_answers() -> None:
    (case,) = formbricks.CASES

    outcome = received(case, data__data={"nps_q1": 9, "customer_id": "C-10042", "conversation_id": "97b9dcb3", "pick": ["A", "B"]})

    (event,) = outcome.events
    assert (event.data["customer"], event.data["interaction_id"]) == ({"id": "C-10042"}, "97b9dcb3")
    assert [answer["question"] for answer in event.data["answers"]] == ["nps_q1", "pick", "pick"]


def test_a_matrix_of_formbricks_is_an_answer_a_row() -> None:
    (case,) = formbricks.CASES
    options = Formbricks(questions={"grid": CSAT.model_copy(update={"points": {"Good": 5, "Bad": 1}})})

    outcome = received(case, options=options, data__data={"grid": {"Price": "Bad", "Delivery": "Good"}})

    assert [(answer["question"], answer["score"]) for answer in answers(outcome)] == [("grid.Price", 1), ("grid.Delivery", 5)]


def test_a_number_that_nobody_explained_is_kept_until_somebody_does() -> None:
    (case,) = formbricks.CASES

    with pytest.raises(Unreadable, match="options should say what the question csat_q2 asks"):
        received(case, options=Formbricks(questions={"nps_q1": Question(instrument="nps")}))


def test_a_comment_that_was_added_to_a_response_of_delighteds_is_its_later_version() -> None:
    (case,) = delighted.CASES
    first = received(case, event_type="survey_response.created", event_data__comment=None, event_data__updated_at=1732186844)

    second = received(case)

    assert first.events[0].id == second.events[0].id
    assert first.events[0].data["revision"] < second.events[0].data["revision"]
    assert "comment" not in first.events[0].data


@pytest.mark.parametrize(
    ("survey", "score", "answer"),
    [
        ("csat", 4, {"instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}),
        ("ces", 2, {"instrument": "ces", "polarity": "ease", "score": 2, "scale_min": 1, "scale_max": 5}),
        ("thumbs", 0, {"instrument": "csat", "score": 0, "scale_min": 0, "scale_max": 1}),
    ],
)
def test_each_kind_of_delighteds_surveys_has_its_scale(survey: str, score: int, answer: Mapping[str, Any]) -> None:
    outcome = received(delighted.CASES[0], event_data__survey_type=survey, event_data__score=score)

    assert answers(outcome) == [{"question": survey, **answer}]


def test_a_scale_of_delighteds_that_has_seven_points_has_to_be_told() -> None:
    seven = Delighted(questions={"ces": Question(instrument="ces", scale_min=1, scale_max=7, polarity="ease")})

    outcome = received(delighted.CASES[0], options=seven, event_data__survey_type="ces", event_data__score=7)

    assert answers(outcome)[0]["scale_max"] == 7
    with pytest.raises(Unreadable, match="outside 1 to 5"):
        received(delighted.CASES[0], event_data__survey_type="ces", event_data__score=7)


def test_further_questions_of_delighteds_are_answers_too() -> None:
    given = [
        {"id": "1", "question": {"id": "why", "type": "free_response"}, "value": {"free_response": "Fast"}},
        {"id": "2", "question": {"id": "speed", "type": "scale"}, "value": {"scale": 4}},
        {"id": "3", "question": {"id": "where", "type": "select_one"}, "value": {"select_one": {"id": "s", "text": "Shop"}}},
        {"id": "4", "question": {"id": "what", "type": "select_many"}, "value": {"select_many": [{"text": "Tea"}, {"text": "Cake"}]}},
    ]

    outcome = received(delighted.CASES[0], options=Delighted(questions={"speed": CSAT}), event_data__additional_answers=given)

    assert [(answer["question"], answer.get("score", answer.get("choice", answer.get("text")))) for answer in answers(outcome)] == [
        ("nps", 9),
        ("why", "Fast"),
        ("speed", 4),
        ("where", "Shop"),
        ("what", "Tea"),
        ("what", "Cake"),
    ]


def test_an_edited_answer_of_asknicelys_has_a_higher_count_as_its_revision() -> None:
    (case,) = asknicely.CASES

    first, second = received(case), received(case, count=2, question__score="3")

    assert first.events[0].id == second.events[0].id
    assert (first.events[0].data["revision"], second.events[0].data["revision"]) == (1, 2)


def test_a_comment_without_a_score_is_an_answer_in_text() -> None:
    outcome = received(asknicely.CASES[0], options=AskNicely(), question__score="")

    assert answers(outcome) == [{"question": "comment", "instrument": "text", "text": "The gym was great, love it!"}]


def test_survicate_tells_nps_by_its_group_and_each_question_is_an_event_of_its_own() -> None:
    case = survicate.CASES[1]
    nps = received(case, event__questionAnswered__choice={"id": 9, "body": "promoter", "comment": "Fast"})

    other = received(case, event__questionAnswered__question__id=12124)

    assert answers(nps) == [{"question": "12123", "instrument": "nps", "score": 9}]
    assert nps.events[0].data["comment"] == "Fast"
    assert nps.events[0].id != other.events[0].id


def test_survicates_other_kinds_of_answers() -> None:
    case = survicate.CASES[1]
    event = json.loads(case.body)
    del event["event"]["questionAnswered"]["choice"]
    event["event"]["questionAnswered"] |= {
        "text": "Agent solved it",
        "choices": [{"body": "Phone"}, {"body": "Chat"}],
        "matrix": [{"body": "Price", "value": "Poor"}],
    }
    event["event"]["questionAnswered"]["respondent"]["attributes"] = {"customer_id": "C-10042", "email": "emily@example.com"}

    outcome = received(case, json.dumps(event).encode(), options=Survicate())

    assert [answer.get("text", answer.get("choice")) for answer in answers(outcome)] == ["Agent solved it", "Phone", "Chat", "Poor"]
    assert outcome.events[0].data["customer"] == {"id": "C-10042", "email": "emily@example.com"}


def test_a_finished_survey_of_survicates_repeats_answers_that_were_had() -> None:
    outcome = received(survicate.CASES[1], b'{"messageId": "1", "event": {"surveyAnswered": {}}}')

    assert (outcome.events, outcome.passed_over) == ((), {"other_event": 1})
