"""What the stream runtime tells Prometheus. Made once in `main`, under the service's own prefix."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class ConsumerMetrics:
    """Throughput, lag, lateness and dead letters of one consumer group; topic and partition are the only labels."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        prefix = f"hearback_{service}"
        self.records = Counter(f"{prefix}_consumed_records", "Records whose effect is committed.", ["topic"], registry=registry)
        self.dead_letters = Counter(f"{prefix}_dead_letters", "Records set aside as dead letters.", ["topic", "reason"], registry=registry)
        self.lag = Gauge(
            f"{prefix}_lag_records", "Records in the log that are not yet processed.", ["topic", "partition"], registry=registry
        )
        self.lateness = Histogram(
            f"{prefix}_lateness_seconds",
            "From the append of a batch's first record to its commit.",
            ["topic"],
            buckets=SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            f"{prefix}_consumer_waiting", "1 while the consumer waits for a dependency.", ["dependency"], registry=registry
        )
        self.stale = Counter(f"{prefix}_stale_batches", "Batches undone because another replica owned the partition.", registry=registry)


class OutboxMetrics:
    """The relay's side: shared.database.outbox.RelayMetrics."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        prefix = f"hearback_{service}"
        self._delay = Histogram(
            f"{prefix}_outbox_delay_seconds",
            "From the transaction that made an event to its acknowledgement.",
            buckets=SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(f"{prefix}_outbox_waiting_records", "Records in the outbox when it was last read.", registry=registry)

    def relayed(self, delay_seconds: float) -> None:
        self._delay.observe(delay_seconds)

    def waiting(self, records: int) -> None:
        self._waiting.set(records)
