"""What a survey's questions ask, where the vendor does not say it: the endpoint's options do, by the question's own name or id."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.ingest.adapters.adapter import Form, Unreadable
from services.ingest.adapters.node import Node
from services.ingest.adapters.scales import pointed


class Question(Form):
    """How answers to one question count. `polarity` says which end of a ces scale is good: effort (low is easy) or ease (high is easy)."""

    instrument: Literal["nps", "csat", "ces", "likert", "yes_no", "choice", "text"]
    scale_min: float | None = None
    scale_max: float | None = None
    polarity: Literal["effort", "ease"] | None = None
    dimension: Annotated[str, Field(min_length=1, max_length=256)] | None = None


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
            score = pointed(value.number(), 0, 10)
            return None if score is None else {**head, "score": _whole(score["score"], value)}
    if asked.scale_min is None or asked.scale_max is None:
        raise Unreadable(f"the endpoint's options should say scale_min and scale_max of the question {name[:64]}")
    score = pointed(value.number(), asked.scale_min, asked.scale_max)
    return None if score is None else {**head, **score}


def _with(head: dict[str, Any], **fields: Any) -> dict[str, Any] | None:
    found = present(**fields)
    return {**head, **found} if found else None


def _whole(score: float, value: Node) -> int:
    return int(score) if float(score).is_integer() else value.wrong("a whole number")


def _truth(value: Node) -> bool | None:
    word = str(value.value).strip().lower()
    return word in ("yes", "1", "1.0") if word in ("yes", "1", "1.0", "no", "0", "0.0") else value.boolean()
