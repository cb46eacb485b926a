"""Samples of published series, and the records by which a rule asks for a series."""

from typing import Literal

from shared.contracts.fields import Count, Instant, LongId, Name, Numbers, Record, Slice, Term


class MetricSampled(Record):
    """One value of one series. A reader drops what is not newer by the envelope's `sequence`.

    `value` and the ends of its 95 % interval are None where they do not exist (n = 0 gives no value, never 0);
    a sample whose `as_of` is more than 60 s past its `watermark` says that scoring is behind.
    """

    series: LongId
    metric: Term
    slice: Slice
    window: Name
    as_of: Instant
    watermark: Instant
    value: float | None
    n: Count
    ci_low: float | None = None
    ci_high: float | None = None
    components: Numbers
    reason: Literal["changed", "heartbeat", "ended"]


class SeriesWanted(Record):
    """A series that a rule needs. `wanted` false takes the wish back: a record too, never a tombstone."""

    series: LongId
    metric: Term
    slice: Slice
    window: Name
    wanted: bool
