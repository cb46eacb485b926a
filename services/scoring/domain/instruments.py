"""How one event adds to the measures: each answer to an instrument becomes an integer, its component.

A measure is a histogram {component: amount}. Scores are counted in millionths, so that sums are exact and boxes have sharp edges;
What is only counted (`complaints`, `interactions`, `surveys_sent`, `surveys_answered`) is a histogram with the one component 0.
"""

from functools import lru_cache

from shared.contracts.decoding import Event
from shared.contracts.registry import EVENT_TYPES
from shared.errors import FieldError, InvalidEvent

UNIT = 1_000_000
"""Components of scores are in 1/UNIT."""

COUNTED = 0
"""The component of a measure that only counts."""

CES_MIN, CES_MAX = 1 * UNIT, 7 * UNIT

Contributions = tuple[tuple[str, ...], tuple[int, ...]]
"""Measures and their components, index by index."""

_NOTHING: Contributions = ((), ())


def contributions(event: Event) -> Contributions:
    """What this event adds 1 to; several answers of one survey count each, a question without a score does not. A survey counts as
    answered where it answers an invitation: who walks in was not sent one.

    Raises InvalidEvent for an answer that no rule can place, and for a type that does not belong on the feedback topics.
    """
    if event.type not in _TAKEN:
        raise InvalidEvent("type_not_on_topic", [FieldError(("type",), f"{event.type} is no event that ingest sends")])
    if event.type == "feedback.survey_answered.v1":
        placed = [
            place_answer(answer.instrument, answer.score, answer.scale_min, answer.scale_max, answer.polarity)
            for answer in event.data.answers
            if answer.score is not None and answer.instrument in _PLACES
        ]
        if event.data.invitation is not None:
            placed.append(("surveys_answered", COUNTED))
        measures, components = zip(*placed, strict=True) if placed else _NOTHING
        return measures, components
    return _COUNTERS.get(event.type, _NOTHING)


_TAKEN = frozenset(name for name, kind in EVENT_TYPES.items() if kind.from_clients)

_COUNTERS: dict[str, Contributions] = {
    "feedback.complaint_raised.v1": (("complaints",), (COUNTED,)),
    "interaction.completed.v1": (("interactions",), (COUNTED,)),
    "feedback.survey_sent.v1": (("surveys_sent",), (COUNTED,)),
}


@lru_cache(maxsize=4096)
def place_answer(instrument: str, score: float, scale_min: float | None, scale_max: float | None, polarity: str | None) -> tuple[str, int]:
    """The measure and the component of one answer to an instrument of nps, csat and ces; raises InvalidEvent."""
    return _PLACES[instrument](score, scale_min, scale_max, polarity)


def _nps(score: float, _scale_min: float | None, _scale_max: float | None, _polarity: str | None) -> tuple[str, int]:
    component = _millionths(score)
    if not 0 <= component <= 10 * UNIT:
        raise InvalidEvent("score_out_of_range", [FieldError(("answers", "score"), f"{score} is not on 0–10")])
    return "nps", component


def _csat(score: float, scale_min: float | None, scale_max: float | None, _polarity: str | None) -> tuple[str, int]:
    position, span = _on_scale(score, scale_min, scale_max)
    top_box = UNIT if span >= 3 * UNIT else 0  # four or more points: the top two of them, else the top one
    return "csat", csat_component(_divide(position * UNIT, span), satisfied=span - position <= top_box)


def _ces(score: float, scale_min: float | None, scale_max: float | None, polarity: str | None) -> tuple[str, int]:
    if polarity not in ("effort", "ease"):
        raise InvalidEvent("polarity_missing", [FieldError(("answers", "polarity"), "ces needs effort (low = easy) or ease (high = easy)")])
    position, span = _on_scale(score, scale_min, scale_max)
    return f"ces_{polarity}", CES_MIN + _divide(position * (CES_MAX - CES_MIN), span)


_PLACES = {"nps": _nps, "csat": _csat, "ces": _ces}


def csat_component(normalised: int, *, satisfied: bool) -> int:
    """One number for a normalised score (0…UNIT) and whether its original lay in the top box."""
    return normalised * 2 + satisfied


def csat_parts(component: int) -> tuple[int, bool]:
    """The normalised score (0…UNIT) and the satisfied flag of a csat component."""
    return component >> 1, bool(component & 1)


def _on_scale(score: float, scale_min: float | None, scale_max: float | None) -> tuple[int, int]:
    """How far the score lies above the scale's low end, and how far its high end does, both in millionths.

    A scale written downwards is refused: which end is the good one is for its sender to say, not to guess here.
    """
    if scale_min is None or scale_max is None:
        raise InvalidEvent("scale_missing", [FieldError(("answers", "scale_min"), "csat and ces need scale_min and scale_max")])
    low, high = _millionths(scale_min), _millionths(scale_max)
    if low >= high:
        raise InvalidEvent("scale_empty", [FieldError(("answers", "scale_max"), "must be greater than scale_min")])
    position, span = _millionths(score) - low, high - low
    if not 0 <= position <= span:
        raise InvalidEvent("score_out_of_range", [FieldError(("answers", "score"), f"{score} is not on {scale_min}–{scale_max}")])
    return position, span


def _millionths(score: float) -> int:
    return round(score * UNIT)


def _divide(dividend: int, divisor: int) -> int:
    """The quotient rounded to the nearest integer, a half upwards; the divisor is positive."""
    return (2 * dividend + divisor) // (2 * divisor)
