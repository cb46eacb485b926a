"""Means, shares and rates with their 95 % confidence intervals.

Every function takes counts and answers in natural units (shares 0–1, means in the unit of the scores). Where too little was
observed for an interval the answer is None, never a made-up width. Only quantile functions are taken from scipy.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from scipy.special import gammaincinv, ndtri, stdtrit

CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2
_Z = float(ndtri(1 - _TAIL))


class Interval(NamedTuple):
    """A two-sided confidence interval."""

    low: float
    high: float


class Mean(NamedTuple):
    """A mean and its interval; the interval is None below two observations."""

    value: float
    interval: Interval | None


def adjusted_wald_difference(plus: int, neutral: int, minus: int) -> Interval | None:
    """The interval of (plus − minus) / n, −1…1, of a trinomial count; None below n = 2.

    Adds ¾ to plus and to minus and 1½ to neutral before the Wald interval, then clips it (Rocks 2016, "Interval estimation for the
    Net Promoter Score", The American Statistician 70).
    """
    if plus + neutral + minus < 2:
        return None
    n = plus + neutral + minus + 3
    plus_share, minus_share = (plus + 0.75) / n, (minus + 0.75) / n
    difference = plus_share - minus_share
    half = _Z * sqrt((plus_share + minus_share - difference**2) / n)
    return Interval(max(-1.0, difference - half), min(1.0, difference + half))


def wilson(successes: int, n: int) -> Interval | None:
    """Wilson's score interval of successes / n without continuity correction (Newcombe 1998); None for n = 0."""
    if n == 0:
        return None
    centre = (successes + _Z**2 / 2) / (n + _Z**2)
    half = _Z / (n + _Z**2) * sqrt(successes * (n - successes) / n + _Z**2 / 4)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low, high)


def mean_of_histogram(histogram: Mapping[int, int], unit: int) -> Mean | None:
    """Mean and Student-t interval of integer scores counted in a histogram {score: count}; a score of `unit` is 1. None when empty.

    Sums are exact integers, so that the order in which the histogram grew can never show in the last digit.
    """
    n = sum(histogram.values())
    if n == 0:
        return None
    total = sum(score * count for score, count in histogram.items())
    mean = total / (n * unit)
    if n == 1:
        return Mean(mean, None)
    squares = sum(score * score * count for score, count in histogram.items())
    variance = (n * squares - total * total) / (n * (n - 1) * unit * unit)
    half = float(stdtrit(n - 1, 1 - _TAIL)) * sqrt(variance / n)
    return Mean(mean, Interval(mean - half, mean + half))


def poisson_rate(count: int, exposure: float) -> Interval | None:
    """The exact (Garwood 1936) interval of a Poisson rate count / exposure; None without exposure."""
    if exposure == 0:
        return None
    low = float(gammaincinv(count, _TAIL)) if count else 0.0
    high = float(gammaincinv(count + 1, 1 - _TAIL))
    return Interval(low / exposure, high / exposure)
