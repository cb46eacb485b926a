"""An independent recomputation of the live numbers from the events that a test sent: no code of scoring, scipy for the intervals."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import scipy.stats

Event = Mapping[str, Any]
Numbers = dict[str, Any]
Z = scipy.stats.norm.ppf(0.975)


def latest(events: Iterable[Event]) -> list[Event]:
    """One event a (source, id): the one with the highest revision."""
    best: dict[tuple[str, str], Event] = {}
    for event in events:
        key = (event["source"], event["id"])
        if key not in best or best[key]["data"].get("revision", 1) < event["data"].get("revision", 1):
            best[key] = event
    return list(best.values())


def numbers(events: Iterable[Event], start: datetime, to: datetime) -> dict[str, dict[str, Numbers]]:
    """metric → slice ("" is the total, else a channel) → value, n, ci_low, ci_high of the events in [start, to)."""
    answers: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    complaints: dict[str, int] = defaultdict(int)
    interactions: dict[str, int] = defaultdict(int)
    for event in latest(events):
        if not start <= datetime.fromisoformat(event["time"]) < to:
            continue
        for where in ("", event["data"]["channel"]):
            complaints[where] += event["type"] == "feedback.complaint_raised.v1"
            interactions[where] += event["type"] == "interaction.completed.v1"
            for answer in event["data"].get("answers", ()):
                answers[_metric_of(answer), where].append(answer)
    found: dict[str, dict[str, Numbers]] = defaultdict(dict)
    for (metric, where), given in answers.items():
        if metric in _FROM_ANSWERS:
            found[metric][where] = _FROM_ANSWERS[metric](given)
    for where in complaints.keys() | interactions.keys():
        if complaints[where] or interactions[where]:
            found["complaint_rate"][where] = _complaint_rate(complaints[where], interactions[where])
    return found


def _metric_of(answer: Mapping[str, Any]) -> str:
    return f"ces_{answer['polarity']}" if answer["instrument"] == "ces" else str(answer["instrument"])


def _nps(given: list[dict[str, Any]]) -> Numbers:
    scores = [answer["score"] for answer in given]
    promoters, detractors, n = sum(s >= 9 for s in scores), sum(s <= 6 for s in scores), len(scores)
    low = high = None
    if n >= 2:
        p, d = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
        error = math.sqrt((p + d - (p - d) ** 2) / (n + 3))
        low, high = (100 * max(-1, min(1, p - d + side * Z * error)) for side in (-1, 1))
    return {"value": 100 * (promoters - detractors) / n, "n": n, "ci_low": low, "ci_high": high}


def _csat(given: list[dict[str, Any]]) -> Numbers:
    satisfied = 0
    for answer in given:
        points = answer["scale_max"] - answer["scale_min"] + 1
        satisfied += answer["score"] >= answer["scale_max"] - (1 if points >= 4 else 0)
    interval = scipy.stats.binomtest(satisfied, len(given)).proportion_ci(method="wilson")
    return {"value": satisfied / len(given), "n": len(given), "ci_low": interval.low, "ci_high": interval.high}


def _ces(given: list[dict[str, Any]]) -> Numbers:
    scores = np.array([1 + 6 * (a["score"] - a["scale_min"]) / (a["scale_max"] - a["scale_min"]) for a in given])
    low = high = None
    if len(scores) > 1:
        low, high = (scores.mean(),) * 2
        if scores.std() > 0:
            low, high = scipy.stats.t.interval(0.95, len(scores) - 1, scores.mean(), scipy.stats.sem(scores))
    return {"value": scores.mean(), "n": len(scores), "ci_low": low, "ci_high": high}


def _complaint_rate(complaints: int, interactions: int) -> Numbers:
    if not interactions:
        return {"value": None, "n": 0, "ci_low": None, "ci_high": None}
    low = scipy.stats.chi2.ppf(0.025, 2 * complaints) / 2 if complaints else 0.0
    high = scipy.stats.chi2.ppf(0.975, 2 * complaints + 2) / 2
    return {
        "value": 1000 * complaints / interactions,
        "n": interactions,
        "ci_low": 1000 * low / interactions,
        "ci_high": 1000 * high / interactions,
    }


_FROM_ANSWERS = {"nps": _nps, "csat": _csat, "ces_effort": _ces, "ces_ease": _ces}
METRICS = (*_FROM_ANSWERS, "complaint_rate")
