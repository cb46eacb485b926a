"""The one table of Kafka topics: who writes, who reads, how many partitions, how long records stay.

Creating them is shared.kafka's work; replication and `min.insync.replicas` are settings, because they belong to a cluster.
"""

from dataclasses import dataclass

FEEDBACK_EVENTS = "feedback.events.v1"
FEEDBACK_BACKFILL = "feedback.backfill.v1"
TEXT_ANALYSED = "text.analysed.v1"
CUSTOMERS_EVENTS = "customers.events.v1"
METRICS_UPDATED = "metrics.updated.v1"
SERIES_WANTED = "series.wanted.v1"
CASES_EVENTS = "cases.events.v1"
SURVEYS_REQUESTS = "surveys.requests.v1"
ALERTS_EVENTS = "alerts.events.v1"
ACCESS = "access.v1"

KIBIBYTE = 1024
MAX_EVENT_BYTES = 960 * KIBIBYTE
"""The largest event a client may send; what ingest adds (tenant, receivedat, headers) fits into the topic's limit above it."""
FEEDBACK_MAX_BYTES = 1024 * KIBIBYTE
DEAD_LETTER_HEADROOM_BYTES = 64 * KIBIBYTE
"""What a dead topic takes beyond its source, so that the headers telling why always fit."""
DEAD_LETTER_PARTITIONS = 3
DEAD_LETTER_RETENTION_DAYS = 30


@dataclass(frozen=True)
class Topic:
    """One topic. `retention_days` is None for a compacted topic, whose last record of every key stays.

    `dead` says that the topic has a dead-letter sibling, named by `dead_topic`.
    """

    name: str
    partitions: int
    retention_days: int | None
    compacted: bool
    max_message_bytes: int
    dead: bool
    written_by: str
    read_by: tuple[str, ...]

    def configuration(self) -> dict[str, str]:
        """Kafka's topic configuration, without what a cluster decides (replication, min.insync.replicas)."""
        kept = {} if self.retention_days is None else {"retention.ms": str(self.retention_days * 86_400_000)}
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime",
            **kept,
        }


def dead_topic(name: str) -> str:
    """The name of the dead-letter sibling of topic `name`."""
    return f"{name}.dead"


def _dead_sibling(source: Topic) -> Topic:
    return Topic(
        name=dead_topic(source.name),
        partitions=DEAD_LETTER_PARTITIONS,
        retention_days=DEAD_LETTER_RETENTION_DAYS,
        compacted=False,
        max_message_bytes=source.max_message_bytes + DEAD_LETTER_HEADROOM_BYTES,
        dead=False,
        written_by=" ".join(source.read_by),
        read_by=("people",),
    )


def _live(
    name: str,
    partitions: int,
    retention_days: int | None,
    written_by: str,
    *read_by: str,
    max_message_bytes: int = FEEDBACK_MAX_BYTES,
    dead: bool = True,
) -> Topic:
    return Topic(name, partitions, retention_days, retention_days is None, max_message_bytes, dead, written_by, read_by)


_SERVICES = ("ingest", "scoring", "closed_loop", "alerts")

_LIVE = (
    _live(FEEDBACK_EVENTS, 12, 30, "ingest", "scoring", "closed_loop", "ingest"),
    _live(FEEDBACK_BACKFILL, 6, 30, "ingest", "scoring", "closed_loop", "ingest"),
    # holds the whole source event beside what was found in it
    _live(TEXT_ANALYSED, 6, 7, "scoring", "closed_loop", max_message_bytes=FEEDBACK_MAX_BYTES + 64 * KIBIBYTE),
    _live(CUSTOMERS_EVENTS, 3, 30, "scoring", *_SERVICES),
    _live(METRICS_UPDATED, 6, 7, "scoring", "alerts"),
    _live(SERIES_WANTED, 3, None, "alerts", "scoring"),
    _live(CASES_EVENTS, 6, 90, "closed_loop", "alerts", "scoring"),
    _live(SURVEYS_REQUESTS, 3, 30, "closed_loop", "ingest"),
    _live(ALERTS_EVENTS, 3, 90, "alerts", "closed_loop"),
    # read into memory without a consumer group, so there is no consumer whose failures could be set aside
    _live(ACCESS, 1, None, "ingest", *_SERVICES, dead=False),
)

TOPICS: dict[str, Topic] = {topic.name: topic for live in _LIVE for topic in ((live, _dead_sibling(live)) if live.dead else (live,))}
"""Every topic by name, the dead-letter siblings included."""
