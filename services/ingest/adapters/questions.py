"""What a survey's questions ask, where the vendor does not say it: the endpoint's options do, by the question's own name or id."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from services.ingest.adapters.adapter import Form, Unreadable
from services.ingest.adapters.node import Node
from services.ingest.adapters.scales import pointed


class Question(Form):
    """How answers to one question count. `polarity` says which end of a ces scale is good: effort (low is easy) or ease (high is easy).

    `points` are for scales whose answers come as words: {"Very satisfied": 5, "Satisfied": 4, …}.
    """

    instrument: Literal["nps", "csat", "ces", "likert", "yes_no", "choice", "text"]
    scale_min: float | None = None
    scale_max: float | None = None
    polarity: Literal["effort", "ease"] | None = None
    dimension: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    points: Annotated[dict[str, float], Field(max_length=100)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def can_be_scored(self) -> Self:
        """What would make every answer unreadable is refused when it is set."""
        if self.instrument == "ces" and self.polarity is None:
            raise ValueError("a ces question needs its polarity: effort (a low score is easy) or ease (a high score is easy)")
        if self.scale_min is not None and self.scale_max is not None and not self.scale_min < self.scale_max:
            raise ValueError("scale_max should be greater than scale_min")
        return self


Questions = Annotated[
    dict[str, Question],
    Field(max_length=500, description="What each question asks, by its id or reference at the vendor, where the vendor does not tell"),
]


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None and value != {}}


def answered(name: str, value: Node, asked: Question) -> dict[str, Any] | None:
    """One answer of contracts.md; None when nothing was answered. Raises Unreadable for what does not fit what was asked."""
    head = present(question=name[:256], instrument=asked.instrument, polarity=asked.polarity, dimension=asked.dimension)
    match asked.instrument:
        case "text":
            return _with(head, text=value.text())
        case "choice":
            return _with(head, choice=value.name())
        case "yes_no":
            truth = _truth(value)
            return _with(head, score=None if truth is None else int(truth))
        case "nps":
            score = pointed(_points(value, asked), 0, 10)
            return None if score is None else {**head, "score": _whole(score["score"], value)}
    if asked.scale_min is None or asked.scale_max is None:
        raise Unreadable(f"the endpoint's options should say scale_min and scale_max of the question {name[:64]}")
    score = pointed(_points(value, asked), asked.scale_min, asked.scale_max)
    return None if score is None else {**head, **score}


def told(name: str, number: Node, words: Node, asked: Question | None) -> dict[str, Any] | None:
    """One answer of which the vendor tells a number and its words: on a scale by the number, or the points of the words; else by the words.

    Raises Unreadable, saying which option is missing, for a number without words on a scale that nobody told us.
    """
    if asked is None and not words.here and number.here:
        raise Unreadable(f"the endpoint's options should say what the question {name[:64]} asks")
    if asked is None or asked.instrument in ("choice", "text"):
        return answered(name, words if words.here else number, asked or Question(instrument="choice"))
    by_words = isinstance(words.value, str) and words.value.strip() in asked.points
    return answered(name, words if by_words or not number.here else number, asked)


def _points(value: Node, asked: Question) -> float | None:
    points = asked.points.get(value.value.strip()) if isinstance(value.value, str) else None
    return value.number() if points is None else points


def _with(head: dict[str, Any], **fields: Any) -> dict[str, Any] | None:
    found = present(**fields)
    return {**head, **found} if found else None


def _whole(score: float, value: Node) -> int:
    return int(score) if float(score).is_integer() else value.wrong("a whole number")


def _truth(value: Node) -> bool | None:
    word = str(value.value).strip().lower()
    return word in ("yes", "1", "1.0") if word in ("yes", "1", "1.0", "no", "0", "0.0") else value.boolean()
