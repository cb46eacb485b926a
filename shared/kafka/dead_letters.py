"""Dead letters: a record that can never be processed is set aside with its reason, its bytes untouched, and can come back.

A replay writes it to its source topic with a header that names the consumer that failed; every other consumer skips it.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.contracts.topics import dead_topic
from shared.database.outbox import OutboxRecord

ONLY = "hearback-only"
CONSUMER = "hearback-consumer"
ERROR = "hearback-error"
TOPIC = "hearback-source-topic"
PARTITION = "hearback-source-partition"
OFFSET = "hearback-source-offset"
ATTEMPT = "hearback-attempt"
_OURS = {ONLY, CONSUMER, ERROR, TOPIC, PARTITION, OFFSET, ATTEMPT}

Headers = Sequence[tuple[str, bytes]]


class SourceRecord(msgspec.Struct):
    """Where a record stands on Kafka, and what it is."""

    topic: str
    partition: int
    offset: int
    appended_at: datetime
    key: bytes
    value: bytes
    headers: Headers


def is_for(group: str, headers: Headers) -> bool:
    """Whether a consumer group shall read a record: every one, but a replayed dead letter only the group that failed."""
    return not headers or all(name != ONLY or value == group.encode() for name, value in headers)


def dead_letter(record: SourceRecord, group: str, error: str) -> OutboxRecord:
    """The dead letter of `record`, which `group` could not process because of `error` (a reason, never content)."""
    origin = {name: value for name, value in record.headers if name in _OURS}
    attempt = int(origin.get(ATTEMPT, b"0")) + 1
    return OutboxRecord(
        topic=dead_topic(record.topic),
        key=record.key,
        value=record.value,
        headers=(
            *((name, value) for name, value in record.headers if name not in _OURS),
            (CONSUMER, group.encode()),
            (ERROR, error.encode()),
            (TOPIC, record.topic.encode()),
            (PARTITION, str(record.partition).encode()),
            (OFFSET, str(record.offset).encode()),
            (ATTEMPT, str(attempt).encode()),
        ),
    )


def replayed(key: bytes, value: bytes, headers: Headers) -> OutboxRecord:
    """The record that brings a dead letter back to the one consumer that failed, its attempts still counted."""
    told = dict(headers)
    kept = tuple((name, content) for name, content in headers if name not in _OURS)
    return OutboxRecord(told[TOPIC].decode(), key, value, (*kept, (ONLY, told[CONSUMER]), (ATTEMPT, told[ATTEMPT])))
