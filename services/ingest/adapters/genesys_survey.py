"""Genesys Cloud's surveys as its Platform API gives them: GET /api/v2/quality/surveys/{id}. Field names: SDK 269, `survey.py`."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import Question, answered, present

_TEXT = Question(instrument="text")


def survey_answered(survey: Node, questions: dict[str, Question], zone: ZoneInfo) -> Iterator[ChannelEvent]:
    """A finished survey with its answers; nothing for one that is not finished, or holds none."""
    if (survey["status"].text() or "").lower() != "finished":
        return
    answers = [answer for group in survey["answers"]["questionGroupScores"] for answer in _of_group(group, questions)]
    if not answers:
        return
    form = survey["surveyForm"]
    data = present(
        channel="phone" if (survey["surveyType"].text() or "").lower() == "voice" else "web",
        survey=form["contextId"].id() or form["id"].required_id(),
        interaction_id=survey["conversation"]["id"].id(),
        agent=survey["agent"]["id"].name(),
        team=survey["queue"]["name"].name(),
        tags=present(queue_id=survey["queue"]["id"].name()),
        answers=answers[:200],
    )
    at = survey["completedDate"].iso(zone) or survey["completedDate"].wrong("a time")
    yield ChannelEvent("feedback.survey_answered.v1", survey["id"].required_id(), at, data)


def _of_group(group: Node, questions: dict[str, Question]) -> Iterator[dict[str, Any]]:
    scored = [question for question in group["questionScores"] if question["answerId"].here]
    highest = group["maxTotalScore"].number()
    alone = (
        None if len(scored) != 1 or not highest or highest < 0 else Question(instrument="likert", scale_min=0, scale_max=min(highest, 1e6))
    )
    for question in group["questionScores"]:
        if question["markedNA"].boolean():
            continue
        name = question["questionId"].name() or question["questionId"].wrong("an id")
        asked = questions.get(name)
        if question["npsScore"].here:
            found = [(question["npsScore"], Question(instrument="nps")), (question["npsTextAnswer"], _TEXT)]
        elif question["answerId"].here:
            score = asked or alone
            found = [(question["score"], score)] if score else [(question["answerId"], Question(instrument="choice"))]
        else:
            found = [(question["freeTextAnswer"], _TEXT)]
        yield from (answer for answer in (answered(name, value, kind) for value, kind in found) if answer is not None)
