"""Along which dimensions numbers are kept: the total, and every named single dimension."""

from typing import NamedTuple

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
