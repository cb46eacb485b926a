"""What customers say: surveys and their answers, complaints, comments, ideas, messages, observations."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from shared.contracts.fields import BrokenRule, Count, Id, Instant, Name, OptionalText, Points, Record, Rule, Severity, Text, Uri, instant
from shared.contracts.occurrence import Occurrence

Instrument = Literal["nps", "csat", "ces", "likert", "yes_no", "choice", "text"]
KanoReply = Annotated[int, Field(ge=1, le=5)]

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def instant_or_date(value: object) -> object:
    """An instant, or a date alone, which is 00:00 in the calendar's zone."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("date", "is no day of the calendar") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        return instant(value)
    if not 1900 <= day.year < 2200:
        raise PydanticCustomError("date", "must lie between the years 1900 and 2199")
    return day


InstantOrDate = Annotated[Instant | date, BeforeValidator(instant_or_date)]


def within_scale(record: Any, field: str = "score") -> None:
    """A value on a scale needs the scale, and lies on it."""
    value, low, high = getattr(record, field), record.scale_min, record.scale_max
    if low is None or high is None:
        raise BrokenRule("scale_min" if low is None else "scale_max", f"is required beside {field}, in the points that the customer saw")
    if not low < high:
        raise BrokenRule("scale_max", "must be greater than scale_min")
    if not low <= value <= high:
        raise BrokenRule(field, "must lie between scale_min and scale_max")


def _nps(answer: Any) -> None:
    score = answer.score
    if score is None or not 0 <= score <= 10 or score != int(score):
        raise BrokenRule("score", "of an nps answer must be a whole number from 0 to 10")
    if answer.scale_min not in (None, 0) or answer.scale_max not in (None, 10):
        raise BrokenRule("scale_max", "of an nps answer is always 10, scale_min 0; leave both out, or send another scale as csat or likert")


def _scaled(answer: Any) -> None:
    if answer.score is None:
        raise BrokenRule("score", f"is required on a {answer.instrument} answer")
    within_scale(answer)


def _ces(answer: Any) -> None:
    if answer.polarity is None:
        raise BrokenRule("polarity", "is required on a ces answer: effort (a low score is easy) or ease (a high score is easy)")
    _scaled(answer)


def _yes_no(answer: Any) -> None:
    if answer.score not in (0, 1):
        raise BrokenRule("score", "of a yes_no answer must be 1 (yes) or 0 (no)")


def _choice(answer: Any) -> None:
    if answer.choice is None:
        raise BrokenRule("choice", "is required on a choice answer")


def _text(answer: Any) -> None:
    if answer.text is None:
        raise BrokenRule("text", "is required on a text answer")


_OF_INSTRUMENT: dict[str, Callable[[Any], None]] = {
    "nps": _nps,
    "csat": _scaled,
    "ces": _ces,
    "likert": _scaled,
    "yes_no": _yes_no,
    "choice": _choice,
    "text": _text,
}


def fits_instrument(answer: Any) -> None:
    """Each instrument needs its own fields, on its own scale."""
    _OF_INSTRUMENT[answer.instrument](answer)


def rating_on_scale(comment: Any) -> None:
    """A rating without its scale says nothing."""
    if comment.rating is not None:
        within_scale(comment, "rating")


class Answer(Record):
    """One answer. `importance` and `expectation` are asked beside a dimension; `functional` and `dysfunctional` are a Kano pair, 1–5."""

    rules: ClassVar[tuple[Rule, ...]] = (fits_instrument,)

    question: Name
    instrument: Instrument
    score: Points | None = None
    scale_min: Points | None = None
    scale_max: Points | None = None
    polarity: Literal["effort", "ease"] | None = None
    dimension: Name | None = None
    importance: Points | None = None
    expectation: Points | None = None
    functional: KanoReply | None = None
    dysfunctional: KanoReply | None = None
    choice: Name | None = None
    text: OptionalText | None = None


class SurveyContact(Occurrence):
    """A survey was sent, was opened, or could not be sent."""

    survey: Id
    invitation: Id
    mode: Literal["after", "instant", "wave", "follow_up"] | None = None
    case: Id | None = None
    reason: OptionalText | None = None


class SurveyAnswered(Occurrence):
    """Answers to a survey; with `case` it is a follow-up, which never opens a case."""

    survey: Id
    invitation: Id | None = None
    case: Id | None = None
    answers: Annotated[tuple[Answer, ...], Field(min_length=1, max_length=200)]
    comment: OptionalText | None = None


class ComplaintRaised(Occurrence):
    """A complaint. `received_at` is when it reached the company, where that is before `time` (a letter); clocks start from it."""

    text: Text
    category: Name | None = None
    severity: Severity | None = None
    remedy_sought: OptionalText | None = None
    received_at: InstantOrDate | None = None
    jurisdiction: Name | None = None


class CommentPosted(Occurrence):
    """A comment, praise, suggestion or question, in public or not; `reach` is how many people may see it."""

    rules: ClassVar[tuple[Rule, ...]] = (rating_on_scale,)

    text: Text
    kind: Literal["comment", "praise", "suggestion", "question"] | None = None
    rating: Points | None = None
    scale_min: Points | None = None
    scale_max: Points | None = None
    url: Uri | None = None
    author: Name | None = None
    reply_to: Id | None = None
    reach: Count | None = None


class IdeaSubmitted(Occurrence):
    """An idea, and how many people stand behind it."""

    text: Text
    votes: Count | None = None


class MessageReceived(Occurrence):
    """The customer writes again, on any channel; it joins the open case."""

    text: Text
    thread: Id | None = None
    case: Id | None = None


class DimensionScore(Record):
    """One dimension as the observer scored it."""

    rules: ClassVar[tuple[Rule, ...]] = (within_scale,)

    dimension: Name
    score: Points
    scale_min: Points
    scale_max: Points


class Observed(Occurrence):
    """What somebody observed or heard instead of the customer writing it."""

    method: Literal["interview", "focus_group", "mystery_shopper", "staff", "sales"]
    text: OptionalText | None = None
    scores: Annotated[tuple[DimensionScore, ...], Field(max_length=200)] = ()
