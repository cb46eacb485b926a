"""Which series are published without being asked for, and when the next sample of one is due."""

from datetime import datetime, timedelta
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

from services.scoring.domain.metrics import METRICS, METRICS_OF_MEASURE, Number
from services.scoring.domain.slices import TOTAL, Slice
from services.scoring.domain.windows import WindowName
from shared.contracts.series import series_name

PUBLISHED_WINDOWS: tuple[WindowName, ...] = ("15m", "1h", "24h")
SHORTEST_GAP = timedelta(seconds=1)
HEARTBEAT = timedelta(seconds=60)


class Series(NamedTuple):
    """One metric of a tenant over one slice and window."""

    tenant: str
    metric: str
    dimension: str
    value: str
    window: WindowName

    @property
    def slice(self) -> dict[str, str]:
        """The slice as the contracts write it: empty for the total."""
        return {} if self.dimension == TOTAL else {self.dimension: self.value}

    @property
    def name(self) -> str:
        """The canonical name, unique within the tenant."""
        return series_name(self.metric, self.slice, self.window)

    @property
    def slices(self) -> list[Slice]:
        """What has to be read for it, in the order in which its metric takes the histograms."""
        return [Slice(self.tenant, measure, self.dimension, self.value) for measure in METRICS[self.metric].measures]


class Published(NamedTuple):
    """What was claimed last for a series; all None and 0 before the first sample."""

    sequence: int
    digest: str | None
    claimed_at: datetime | None


class Due(Enum):
    """What is to be done about a series that was read again. The values of the first two are the reasons of a sample."""

    CHANGED = "changed"
    HEARTBEAT = "heartbeat"
    LATER = "later"
    """It changed, but its last sample is younger than the shortest gap."""
    NOT = "not"


def series_of(line: Slice) -> list[Series]:
    """The published series that a change in this slice can move."""
    return [
        Series(line.tenant, metric.name, line.dimension, line.value, window)
        for metric in METRICS_OF_MEASURE[line.measure]
        for window in PUBLISHED_WINDOWS
    ]


def digest(number: Number) -> str:
    """Equal for numbers that a reader could not tell apart; as_of and watermark are not part of it."""
    noticed = (number.value, number.n, number.ci_low, number.ci_high, sorted(number.components.items()))
    return blake2b(repr(noticed).encode(), digest_size=16).hexdigest()


def due(last: Published, now_digest: str, as_of: datetime) -> Due:
    """A sample is due when the number changed, at most one a second, and every 60 s when it did not."""
    if last.claimed_at is None:
        return Due.CHANGED
    age = as_of - last.claimed_at
    if now_digest != last.digest:
        return Due.CHANGED if age >= SHORTEST_GAP else Due.LATER
    return Due.HEARTBEAT if age >= HEARTBEAT else Due.NOT
