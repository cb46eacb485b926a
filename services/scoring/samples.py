"""A number as a sample: the data of `metric.sampled.v1`, and the Kafka record that carries it."""

from datetime import datetime
from typing import Literal

from services.scoring.domain.metrics import Number
from services.scoring.domain.series import Series
from services.scoring.published import Claimed
from shared.contracts.decoding import encode_own
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.metrics import MetricSampled
from shared.contracts.topics import METRICS_UPDATED
from shared.database.outbox import Headers

SOURCE = "/scoring"


def sample_of(
    series: Series, number: Number, reason: Literal["changed", "heartbeat"], as_of: datetime, watermark: datetime
) -> MetricSampled:
    """What is said about a series at `as_of`, with everything read that reached the log until `watermark`."""
    return MetricSampled(
        series=series.name,
        metric=series.metric,
        slice=series.slice,
        window=series.window,
        as_of=as_of,
        watermark=watermark,
        value=number.value,
        n=number.n,
        ci_low=number.ci_low,
        ci_high=number.ci_high,
        components=number.components,
        reason=reason,
    )


def record_of(claimed: Claimed) -> tuple[str, bytes, bytes, Headers]:
    """Topic, key, value and headers of a claimed sample; a repetition gives the same id, so that readers drop it."""
    value = encode_own(
        "metric.sampled.v1",
        id=f"{claimed.series}:{claimed.sequence}",
        source=SOURCE,
        tenant=claimed.tenant,
        time=claimed.sample.as_of,
        subject=None,
        sequence=claimed.sequence,
        data=claimed.sample,
    )
    return METRICS_UPDATED, f"{claimed.tenant}:{claimed.series}".encode(), value, (CONTENT_TYPE,)
