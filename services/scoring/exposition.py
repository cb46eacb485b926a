"""Published samples in Prometheus' text format. What has no value is left out, never written as 0."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.scoring.domain.series import Series
from shared.contracts.metrics import MetricSampled

LABELS = ("metric", "tenant", "dimension", "slice", "window")


class _Samples(Collector):
    def __init__(self, samples: Sequence[tuple[Series, MetricSampled]]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[GaugeMetricFamily]:
        value = GaugeMetricFamily("hearback_scoring_metric_value", "The metric in its own unit.", labels=LABELS)
        n = GaugeMetricFamily("hearback_scoring_metric_n", "How many answers or interactions it rests on.", labels=LABELS)
        low = GaugeMetricFamily("hearback_scoring_metric_ci_low", "Lower end of its 95 % confidence interval.", labels=LABELS)
        high = GaugeMetricFamily("hearback_scoring_metric_ci_high", "Upper end of its 95 % confidence interval.", labels=LABELS)
        for series, sample in self._samples:
            labels = (series.metric, series.tenant, series.dimension, series.value, series.window)
            for family, figure in ((value, sample.value), (n, sample.n), (low, sample.ci_low), (high, sample.ci_high)):
                if figure is not None:
                    family.add_metric(labels, figure)
        yield from (value, n, low, high)


def exposition(samples: Iterable[tuple[Series, MetricSampled]]) -> bytes:
    """The body of a scrape."""
    registry = CollectorRegistry()
    registry.register(_Samples(list(samples)))
    return generate_latest(registry)
