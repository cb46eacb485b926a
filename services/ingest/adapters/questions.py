"""What a survey's questions ask, where the vendor does not say it: the endpoint's options do, by the question's own name or id."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from services.ingest.adapters.adapter import Form, Unreadable
from services.ingest.adapters.node import Node
from services.ingest.adapters.scales import SMILEY_STEPS, pointed


class Question(Form):
    """How answers to one question count. `polarity` says which end of a ces scale is good: effort (low is easy) or ease (high is easy).

    `points` are for scales whose answers come as words, in capitals or not: {"Very satisfied": 5, "Satisfied": 4, …}. A face on a scale
    of five counts by how happy it looks. `not_applicable` is what says that the question does not apply: "0", "N/A".
    """

    instrument: Literal["nps", "csat", "ces", "likert", "yes_no", "choice", "text"]
    scale_min: float | None = None
    scale_max: float | None = None
    polarity: Literal["effort", "ease"] | None = None
    dimension: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    points: Annotated[dict[str, float], Field(max_length=100)] = Field(default_factory=dict)
    not_applicable: Annotated[frozenset[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=20)] = frozenset()

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
    if _does_not_apply(value, asked):
        return None
    head = present(question=name[:256], instrument=asked.instrument, polarity=asked.polarity, dimension=asked.dimension)
    match asked.instrument:
        case "text":
            return _with(head, text=value.text())
        case "choice":
            return _with(head, choice=value.name())
        case "yes_no":
            truth = _truth(value)
            return _with(head, score=None if truth is None else int(truth))
    low, high = (0, 10) if asked.instrument == "nps" else (asked.scale_min, asked.scale_max)
    if low is None or high is None:
        raise Unreadable(f"the endpoint's options should say scale_min and scale_max of the question {name[:64]}")
    points = _points_of_word(value, asked, low, high)
    found = pointed(value.number() if points is None else points, low, high)
    if found is None:
        return None
    scored = {"score": _whole(found["score"], value)} if asked.instrument == "nps" else found
    return {**head, **scored, **({} if points is None else {"choice": value.name()})}


def told(name: str, number: Node, words: Node, asked: Question | None) -> dict[str, Any] | None:
    """One answer of which the vendor tells a number and its words: on a scale by the number, or the points of the words; else by the words.

    Raises Unreadable, saying which option is missing, for a number without words on a scale that nobody told us.
    """
    if asked is None and not words.here and number.here:
        raise Unreadable(f"the endpoint's options should say what the question {name[:64]} asks")
    if asked is None or asked.instrument in ("choice", "text"):
        return answered(name, words if words.here else number, asked or Question(instrument="choice"))
    by_words = _does_not_apply(words, asked) or _points_given(words, asked) is not None
    return answered(name, words if by_words or not number.here else number, asked)


def _does_not_apply(value: Node, asked: Question) -> bool:
    if not asked.not_applicable or isinstance(value.value, bool) or not isinstance(value.value, str | int | float):
        return False
    written = str(value.value).strip()
    return written in asked.not_applicable or written.removesuffix(".0") in asked.not_applicable


def _points_given(value: Node, asked: Question) -> float | None:
    """What the options say that a word is worth."""
    if not asked.points or not isinstance(value.value, str):
        return None
    word = value.value.strip().lower()
    return next((points for known, points in asked.points.items() if known.strip().lower() == word), None)


def _points_of_word(value: Node, asked: Question, low: float, high: float) -> float | None:
    """The points of a word, or of a face on a scale of five; None for anything else."""
    points = _points_given(value, asked)
    if points is not None or not isinstance(value.value, str) or high - low != len(SMILEY_STEPS) - 1:
        return points
    return next((low + step for step, faces in enumerate(SMILEY_STEPS) if value.value.strip() in faces), None)


def _with(head: dict[str, Any], **fields: Any) -> dict[str, Any] | None:
    found = present(**fields)
    return {**head, **found} if found else None


def _whole(score: float, value: Node) -> int:
    return int(score) if float(score).is_integer() else value.wrong("a whole number")


def _truth(value: Node) -> bool | None:
    word = str(value.value).strip().lower()
    return word in ("yes", "1", "1.0") if word in ("yes", "1", "1.0", "no", "0", "0.0") else value.boolean()
