"""Along which dimensions numbers are kept, and what a question cuts out of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import HearbackError

TOTAL = "total"
"""The dimension of the number over everything; its only value is the empty text."""

DIMENSIONS = ("channel",)
"""The dimensions that are stored one by one. A column of `observations` has the same name, so that a revision finds its old place."""


class Slice(NamedTuple):
    """One line of buckets: a measure of a tenant, over everything or for one value of one dimension."""

    tenant: str
    measure: str
    dimension: str
    value: str


def slices_of(tenant: str, measure: str, channel: str) -> list[Slice]:
    """Every slice that an observation of this measure adds to."""
    return [Slice(tenant, measure, TOTAL, ""), Slice(tenant, measure, "channel", channel)]


class CutRefused(HearbackError):
    """A filter or a grouping that cannot be answered. `parameter` and `position` say which, the text what to change."""

    def __init__(self, parameter: str, position: int, problem: str) -> None:
        super().__init__(problem)
        self.parameter = parameter
        self.position = position


@dataclass(frozen=True, slots=True)
class Cut:
    """What part of everything a question asks for: some values of one dimension, together or one by one."""

    dimension: str = TOTAL
    values: tuple[str, ...] | None = ("",)
    """None for every value that was ever observed."""
    grouped: bool = False

    def groups(self, observed: Iterable[str]) -> list[tuple[dict[str, str], Sequence[str]]]:
        """The answer's items: each one's slice, and the values whose histograms make it up."""
        values = sorted(observed) if self.values is None else self.values
        if self.grouped:
            return [({self.dimension: value}, [value]) for value in values]
        return [({self.dimension: values[0]} if self.dimension != TOTAL and len(values) == 1 else {}, values)]


def cut(filters: Sequence[str], group_by: Sequence[str]) -> Cut:
    """Read repeated `dimension:value` and repeated dimensions. Several values of one dimension mean any of them.

    Raises CutRefused for an unknown dimension or an unreadable filter.
    """
    wanted: dict[str, set[str]] = {}
    for position, written in enumerate(filters):
        dimension, colon, value = written.partition(":")
        if not colon or not value:
            raise CutRefused("filter", position, "is written dimension:value, for example channel:phone")
        _check_dimension(dimension, "filter", position)
        wanted.setdefault(dimension, set()).add(value)
    for position, dimension in enumerate(group_by):
        _check_dimension(dimension, "group_by", position)
    if not wanted and not group_by:
        return Cut()
    dimension = next(iter([*wanted, *group_by]))  # there is only one yet
    return Cut(dimension, tuple(sorted(wanted[dimension])) if wanted else None, grouped=bool(group_by))


def _check_dimension(dimension: str, parameter: str, position: int) -> None:
    if dimension not in DIMENSIONS:
        raise CutRefused(parameter, position, f"there is no dimension {dimension!r}; there is: {', '.join(DIMENSIONS)}")
