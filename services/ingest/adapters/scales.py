"""Vendors' scales by rule, never by guess: what the customer chose is kept in `choice`, words and pictures become points.

Both functions return the fields of an answer of contracts.md from `score` on; None where nothing was answered. A scale of two or three
words keeps as many points, so that scoring takes its top end alone for satisfied.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.ingest.adapters.adapter import Unreadable

Scale = tuple[int, int, Mapping[str, int]]
"""The lowest and the highest points, and the points of each word, in lower case."""


def _scale(low: int, *steps: Sequence[str]) -> Scale:
    return low, low + len(steps) - 1, {word: low + step for step, words in enumerate(steps) for word in words}


GOOD_BAD = _scale(0, ("bad", "negative", "👎", "unsatisfied", "dissatisfied", "no"), ("good", "positive", "👍", "satisfied", "yes"))
GREAT_OKAY_BAD = _scale(1, ("bad", "not good", "3"), ("okay", "ok", "2"), ("great", "good", "1"))
"""Help Scout's; its API counts from 1, the best."""
STAR_WORDS = _scale(1, ("one",), ("two",), ("three",), ("four",), ("five",))
"""Google Business's STAR_RATING."""
HAPPINESS = _scale(1, ("-103",), ("-102",), ("-101",), ("100",), ("101",), ("102",), ("103",))
"""Freshdesk's, from extremely unhappy to extremely happy; a survey may offer fewer of them."""
SMILEY_STEPS = (
    ("😡", "😠", "😢", "😭"),
    ("😞", "🙁", "😕", "😟", "☹", "☹️"),
    ("😐", "😑", "😶"),
    ("🙂", "😊", "😀", "😃"),
    ("😍", "🤩", "😄", "😁"),
)
"""The faces of a scale of five, from the unhappiest on."""


def worded(scale: Scale, word: str | None) -> dict[str, Any] | None:
    """A word or a picture on its scale. Raises Unreadable for one that the scale does not have."""
    low, high, points = scale
    if word is None or not word.strip():
        return None
    found = points.get(word.strip().lower())
    if found is None:
        raise Unreadable(f"a rating is none of {', '.join(points)}")
    return {"score": found, "scale_min": low, "scale_max": high, "choice": word.strip()}


def pointed(score: float | None, low: float, high: float) -> dict[str, Any] | None:
    """Points as they are, on the scale that the customer saw. Raises Unreadable for points outside the scale."""
    if score is None:
        return None
    if not low <= score <= high:
        raise Unreadable(f"a rating lies outside {low:g} to {high:g}")
    return {"score": score, "scale_min": low, "scale_max": high}
