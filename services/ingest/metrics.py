"""What ingest tells Prometheus of events: taken by topic, refused by reason, redacted by kind. No tenant in a label."""

from prometheus_client import CollectorRegistry, Counter


class IngestMetrics:
    """Counters with their children kept, because they are on the hot path."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._accepted = Counter("hearback_ingest_accepted_events", "Events acknowledged by Kafka.", ["topic"], registry=registry)
        self._rejected = Counter("hearback_ingest_rejected_events", "Events refused at the edge.", ["reason"], registry=registry)
        self._marks = Counter("hearback_ingest_redactions", "Marks put in the place of personal data.", ["kind"], registry=registry)
        self._by_topic: dict[str, Counter] = {}

    def accepted(self, topic: str, count: int) -> None:
        """So many more events of `topic` are in the log."""
        counter = self._by_topic.get(topic)
        if counter is None:
            counter = self._by_topic[topic] = self._accepted.labels(topic)
        counter.inc(count)

    def rejected(self, reason: str) -> None:
        """One more event was refused; `reason` is one of the contracts' codes."""
        self._rejected.labels(reason).inc()

    def redacted(self, kind: str) -> None:
        """One more piece of text was replaced by the mark of this kind."""
        self._marks.labels(kind).inc()
