"""What a customer's page sends, read against its question, and what it is as an answer of the contracts."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.surveys.domain.questions import KANO_REPLIES, Ces, Choice, FreeText, Kano, Question, fields_of
from shared.contracts.fields import text_only

Given = Mapping[str, int | str]
"""The fields of one question that were answered."""
LONGEST_TEXT = 5000


class WrongAnswer(ValueError):
    """What was sent does not answer the question; `field` is the one to answer again."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


def read(question: Question, sent: Mapping[str, str]) -> Given:
    """The answer to one question. Raises WrongAnswer for a field that is missing or holds what was not offered; an empty text is one."""
    return {field: _read(question, field, sent.get(field, "")) for field in fields_of(question)}


def _read(question: Question, field: str, value: str) -> int | str:
    if isinstance(question, FreeText):
        return _words(value)
    if isinstance(question, Choice):
        if value not in {option.id for option in question.options}:
            raise WrongAnswer(field)
        return value
    assert question.scale is not None
    low, high = question.scale
    if not (value.isascii() and value.isdecimal() and len(value) <= 2 and low <= int(value) <= high):
        raise WrongAnswer(field)
    return int(value)


def _words(value: str) -> str:
    try:
        words = text_only(value.replace("\r\n", "\n").strip())
    except ValueError:
        raise WrongAnswer("text") from None
    if not 0 < len(words) <= LONGEST_TEXT:
        raise WrongAnswer("text")
    return words


def answer(question: Question, given: Given) -> dict[str, Any]:
    """One `answers` entry of `feedback.survey_answered`."""
    head: dict[str, Any] = {"question": question.id, "instrument": _instrument(question)}
    if (dimension := getattr(question, "dimension", None)) is not None:
        head["dimension"] = dimension
    if isinstance(question, Kano):
        return {**head, **given, "choice": KANO_REPLIES[int(given["functional"]) - 1]}
    if isinstance(question, Ces):
        head["polarity"] = question.polarity
    scaled = question.kind in ("csat", "ces", "likert", "servqual")
    return {**head, **given, **(dict(zip(("scale_min", "scale_max"), question.scale or (), strict=False)) if scaled else {})}


def _instrument(question: Question) -> str:
    """SERVQUAL's perception is a likert score beside its expectation; a Kano pair is a choice with both replies."""
    return {"servqual": "likert", "kano": "choice"}.get(question.kind, question.kind)


def answers(questions: Sequence[Question], given: Mapping[str, Given]) -> list[dict[str, Any]]:
    """Those that were answered, in the order of the survey."""
    return [answer(question, given[question.id]) for question in questions if question.id in given]


def next_question(questions: Sequence[Question], done: Mapping[str, Any]) -> int:
    """The place of the first question that is neither answered nor passed over; the number of questions when there is none."""
    return next((place for place, question in enumerate(questions) if question.id not in done), len(questions))
