"""What each metric is: a pure function from the histograms of its measures to a number with its n and interval."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from services.scoring.domain.instruments import UNIT, csat_parts
from services.scoring.domain.statistics import Interval, adjusted_wald_difference, mean_of_histogram, poisson_rate, wilson

MetricName = Literal["nps", "csat", "ces_effort", "ces_ease", "complaint_rate", "response_rate"]

Histogram = Mapping[int, int]
"""How often each component was observed; components that sum to nothing are left out."""


@dataclass(frozen=True, slots=True)
class Number:
    """A metric's value in its own unit, what it rests on, and its 95 % interval; value and interval are None where undefined."""

    value: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    components: dict[str, float]
    """What the value is made of: counts, and the figures that stand beside it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name, the measures it reads, and `compute`, which takes their histograms in that order."""

    name: MetricName
    measures: tuple[str, ...]
    compute: Callable[..., Number]


def nps(answers: Histogram) -> Number:
    """100·(promoters 9–10 − detractors 0–6)/n; interval: adjusted Wald for a trinomial, None below n = 2."""
    promoters = sum(count for score, count in answers.items() if score >= 9 * UNIT)
    detractors = sum(count for score, count in answers.items() if score <= 6 * UNIT)
    n = sum(answers.values())
    passives = n - promoters - detractors
    components: dict[str, float] = {"promoters": promoters, "passives": passives, "detractors": detractors}
    value = 100 * (promoters - detractors) / n if n else None
    return _number(value, n, _scaled(adjusted_wald_difference(promoters, passives, detractors), 100), components)


def csat(answers: Histogram) -> Number:
    """The share 0–1 of answers in the top box of their own scale (Wilson), the mean of all scores on 0–1 beside it."""
    parts = [(*csat_parts(component), count) for component, count in answers.items()]
    n = sum(count for _, _, count in parts)
    satisfied = sum(count for _, flag, count in parts if flag)
    normalised: dict[int, int] = {}
    for score, _, count in parts:
        normalised[score] = normalised.get(score, 0) + count
    mean = mean_of_histogram(normalised, UNIT)
    components: dict[str, float] = {"satisfied": satisfied} | ({"mean": mean.value} if mean else {})
    return _number(satisfied / n if n else None, n, wilson(satisfied, n), components)


def ces(easy: Callable[[int], bool], answers: Histogram) -> Number:
    """The mean on 1–7 (Student's t), the share of the easy end beside it."""
    n = sum(answers.values())
    easy_count = sum(count for score, count in answers.items() if easy(score))
    mean = mean_of_histogram(answers, UNIT)
    components: dict[str, float] = {"easy": easy_count} | ({"easy_share": easy_count / n} if n else {})
    return _number(mean.value if mean else None, n, mean.interval if mean else None, components)


def complaint_rate(complaints: Histogram, interactions: Histogram) -> Number:
    """Complaints per 1,000 completed interactions (exact Poisson); n counts the interactions."""
    raised, completed = sum(complaints.values()), sum(interactions.values())
    value = 1000 * raised / completed if completed else None
    components: dict[str, float] = {"complaints": raised, "interactions": completed}
    return _number(value, completed, poisson_rate(raised, completed / 1000), components)


def response_rate(answered: Histogram, sent: Histogram) -> Number:
    """The share 0–1 of sent surveys that were answered (Wilson); n counts the sent.

    Each counts when it happened, so that in a short window more may be answered than sent: then the share is 1.
    """
    replies, asked = sum(answered.values()), sum(sent.values())
    counted = min(replies, asked)
    return _number(counted / asked if asked else None, asked, wilson(counted, asked), {"answered": replies, "sent": asked})


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("nps", ("nps",), nps),
        Metric("csat", ("csat",), csat),
        Metric("ces_effort", ("ces_effort",), partial(ces, lambda score: score <= 3 * UNIT)),
        Metric("ces_ease", ("ces_ease",), partial(ces, lambda score: score >= 5 * UNIT)),
        Metric("complaint_rate", ("complaints", "interactions"), complaint_rate),
        Metric("response_rate", ("surveys_answered", "surveys_sent"), response_rate),
    )
}

METRICS_OF_MEASURE = {
    measure: tuple(metric for metric in METRICS.values() if measure in metric.measures)
    for measure in sorted({measure for metric in METRICS.values() for measure in metric.measures})
}
"""Which metrics change when a measure does."""


def _scaled(interval: Interval | None, factor: float) -> Interval | None:
    return interval and Interval(interval.low * factor, interval.high * factor)


def _number(value: float | None, n: int, interval: Interval | None, components: dict[str, float]) -> Number:
    low, high = interval or (None, None)
    return Number(value, n, low, high, components)
