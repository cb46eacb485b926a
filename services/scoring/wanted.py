"""Series that rules ask for on `series.wanted.v1`: every replica that publishes keeps its own copy of the wishes in memory.

What scoring cannot compute is passed over with a line in the log; the rule that asked shows that it waits for data. A wish
taken back is forgotten here, but a series that was published once keeps its heartbeat.
"""

from collections import Counter
from collections.abc import Collection
from typing import get_args

import structlog

from services.scoring.domain.metrics import METRICS
from services.scoring.domain.series import Series
from services.scoring.domain.slices import DIMENSIONS, TOTAL, Slice
from services.scoring.domain.windows import WindowName
from shared.contracts.decoding import Event
from shared.contracts.metrics import SeriesWanted
from shared.contracts.topics import SERIES_WANTED
from shared.kafka.copy import TopicCopy
from shared.settings import KafkaSettings

SERIES_A_TENANT = 2000
log = structlog.get_logger()


class WantedSeries:
    """The wishes; `copy` is the loop that reads them."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._sequences: dict[tuple[str, str], int] = {}
        self._by_slice: dict[Slice, set[Series]] = {}
        self._of_tenant: Counter[str] = Counter()
        self._news: set[Series] = set()
        self.copy = TopicCopy(kafka, SERIES_WANTED, self.take)

    def of(self, line: Slice) -> Collection[Series]:
        """The wanted series that a change in this slice can move."""
        return self._by_slice.get(line, ())

    def news(self) -> set[Series]:
        """What was asked for since this was called last."""
        news, self._news = self._news, set()
        return news

    def take(self, event: Event) -> None:
        """One record; what is not newer than the last one of its series is dropped."""
        record: SeriesWanted = event.data
        key, sequence = (event.tenant, record.series), event.sequence or 0
        if self._sequences.get(key, -1) >= sequence:
            return
        self._sequences[key] = sequence
        series = _computable(event.tenant, record)
        if series is None:
            log.warning("series cannot be published", action="series_refused", series=record.metric, window=record.window)
        elif not record.wanted:
            self._forget(series)
        elif self._of_tenant[event.tenant] >= SERIES_A_TENANT:
            log.warning("too many series are wanted", action="series_refused", wanted=self._of_tenant[event.tenant])
        else:
            self._remember(series)

    def _remember(self, series: Series) -> None:
        known = {one for line in series.slices for one in self._by_slice.get(line, ())}
        if series not in known:
            self._of_tenant[series.tenant] += 1
        for line in series.slices:
            self._by_slice.setdefault(line, set()).add(series)
        self._news.add(series)

    def _forget(self, series: Series) -> None:
        for line in series.slices:
            self._by_slice.get(line, set()).discard(series)
        self._of_tenant[series.tenant] -= 1
        self._news.discard(series)


def _computable(tenant: str, record: SeriesWanted) -> Series | None:
    """The series, None when its metric, window or slice is not among those that scoring keeps."""
    windows: dict[str, WindowName] = {window: window for window in get_args(WindowName)}
    if record.metric not in METRICS or record.window not in windows or len(record.slice) > 1:
        return None
    [(dimension, value)] = record.slice.items() or [(TOTAL, "")]
    if dimension not in (TOTAL, *DIMENSIONS):
        return None
    return Series(tenant, record.metric, dimension, value, windows[record.window])
