"""What channels tell Prometheus, by channel and never by tenant or endpoint."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge


class ChannelMetrics:
    """Requests, events and what became of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "hearback_ingest_channel_requests", "Vendors' requests; result is taken, unreadable or why refused.",
            ["channel", "result"], registry=registry,
        )  # fmt: skip
        self._spooled = Counter(
            "hearback_ingest_channel_spooled_events", "Events put into the outbox because Kafka was away.", ["channel"], registry=registry
        )
        self._unreadable = Counter(
            "hearback_ingest_channel_unreadable", "Proven content kept because it could not be read.", ["channel"], registry=registry
        )

    def answered(self, channel: str, result: str) -> None:
        """One request; `result` is one of few words."""
        self._requests.labels(channel, result).inc()

    def spooled(self, channel: str, events: int) -> None:
        """So many events wait in PostgreSQL for Kafka."""
        self._spooled.labels(channel).inc(events)

    def unreadable(self, channel: str) -> None:
        """One more was kept."""
        self._unreadable.labels(channel).inc()


class PullMetrics:
    """Fetches and polls: what waits, what failed, how far behind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Counter("hearback_ingest_fetch_steps", "Steps of fetches and polls.", ["channel", "result"], registry=registry)
        self._due = Gauge("hearback_ingest_fetches_due", "Fetches and polls that are due and not done.", ["channel"], registry=registry)
        self._oldest = Gauge(
            "hearback_ingest_fetches_oldest_due_seconds", "Age of the one that is due longest.", ["channel"], registry=registry
        )
        self._dead = Gauge("hearback_ingest_fetches_dead", "Fetches that were given up and not replayed.", ["channel"], registry=registry)
        self._lag = Gauge(
            "hearback_ingest_poll_lag_seconds", "How much later than it should the latest round of a poll began, or has not.", ["channel"],
            registry=registry,
        )  # fmt: skip

    def stepped(self, channel: str, result: str) -> None:
        """One step is over: done, failed, dead or stale."""
        self._steps.labels(channel, result).inc()

    def seen(self, by_channel: Mapping[str, tuple[int, float, int, float]]) -> None:
        """By channel: due, age of the oldest due in seconds, dead, lag of polls in seconds. What is not named has none."""
        for gauge in (self._due, self._oldest, self._dead, self._lag):
            gauge.clear()
        for channel, (due, oldest, dead, lag) in by_channel.items():
            self._due.labels(channel).set(due)
            self._oldest.labels(channel).set(oldest)
            self._dead.labels(channel).set(dead)
            self._lag.labels(channel).set(lag)
