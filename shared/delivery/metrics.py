"""What delivery tells Prometheus; neither tenants nor receivers are labels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.delivery.delivery import Delivery, Outcome

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)


class DeliveryMetrics:
    """Attempts, what became of deliveries, and how long they took."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        prefix = f"hearback_{service}_delivery"
        self._attempts = Counter(f"{prefix}_attempts", "Attempts that ended.", ["kind", "verdict"], registry=registry)
        self._dead = Counter(f"{prefix}_dead", "Deliveries that were set aside.", ["kind", "reason"], registry=registry)
        self._seconds = Histogram(
            f"{prefix}_seconds", "From the making of a delivery to its success.", ["kind"], buckets=SECONDS, registry=registry
        )
        self._oldest = Gauge(
            f"{prefix}_oldest_due_unprocessed_seconds", "How long the oldest open delivery has been due; 0 when none.", registry=registry
        )

    def attempted(self, settled: Delivery, outcome: Outcome) -> None:
        """One attempt was written."""
        self._attempts.labels(settled.kind, outcome.verdict).inc()
        if settled.state == "dead":
            self._dead.labels(settled.kind, settled.dead_because).inc()
        elif settled.state == "delivered" and settled.finished_at is not None:
            self._seconds.labels(settled.kind).observe((settled.finished_at - settled.trying_since).total_seconds())

    def oldest_due(self, seconds: float) -> None:
        """How late the oldest due delivery was when the loop last looked."""
        self._oldest.set(seconds)
