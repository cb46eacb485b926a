"""The one way from an event's JSON to Kafka, for every way in: requests, webhooks, pulls, imports, surveys.

`judge` says whether an event may come in and makes the record that it becomes; `publish` puts records on Kafka; `spool_rows` gives the
same records to the outbox, for whoever writes in a transaction or must not depend on Kafka being there.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.ingest.metrics import IngestMetrics
from services.ingest.settings import IngestSettings
from shared.contracts.decoding import admit, encode
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.identity import partition_key
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.outbox import OutboxRecord
from shared.errors import FieldError, InvalidEvent, Unavailable
from shared.ids import uuid7
from shared.kafka.producer import Producer, Record, Ticket
from shared.observability.tracing import HEADER

FORBIDDEN = "forbidden"


class Accepted(NamedTuple):
    """The item at `place` of what was sent, on its way: where it goes, what it is known by, and the record that it becomes."""

    place: int
    id: str
    source: str
    revision: int
    topic: str
    record: Record


class Intake:
    """One a process: holds what judging and publishing need, decides nothing between calls."""

    def __init__(self, settings: IngestSettings, producer: Producer, metrics: IngestMetrics) -> None:
        self._max_event_bytes = settings.max_event_bytes
        self._producer = producer
        self._metrics = metrics

    def judge(
        self,
        tenant: str,
        item: bytes,
        *,
        source: str,
        id: str | None,
        now: datetime,
        traceparent: bytes,
        place: int = 0,
        may_backfill: bool = False,
    ) -> Accepted:
        """The record that one event's JSON becomes. `source` and `id` are used where the event has none; without either it gets a new id.

        Raises InvalidEvent, which is counted by its reason: those of the contract, event_too_large, and FORBIDDEN for what the sender
        has no right to.
        """
        try:
            if len(item) > self._max_event_bytes:
                raise _too_large(self._max_event_bytes)
            event = admit(item, now)
            if event.tenant is not None and event.tenant != tenant:
                text = "403: this key belongs to another tenant; leave tenant out, or use a key of that tenant"
                raise InvalidEvent(FORBIDDEN, [FieldError(("tenant",), text)])
            if event.backfill and not may_backfill:
                text = "403: history needs a key with the scope ingest:backfill"
                raise InvalidEvent(FORBIDDEN, [FieldError(("backfill",), text)])
        except InvalidEvent as refused:
            self._metrics.rejected(refused.reason)
            raise
        event_id = event.id or id or str(uuid7(now))
        source = event.source or source
        value = encode(event, id=event_id, source=source, tenant=tenant, receivedat=now)
        topic = FEEDBACK_BACKFILL if event.backfill else FEEDBACK_EVENTS
        record = Record(partition_key(tenant, event.customer_id, event_id), value, ((HEADER, traceparent), CONTENT_TYPE))
        return Accepted(place, event_id, source, event.revision, topic, record)

    async def publish(self, accepted: Sequence[Accepted]) -> Sequence[Accepted]:
        """Put the records on Kafka and return those that are acknowledged. Raises Unavailable when none is."""
        lanes: dict[tuple[str, int], list[Accepted]] = {}
        for item in accepted:
            partition = self._producer.partition_for(item.topic, item.record.key)
            lanes.setdefault((item.topic, partition), []).append(item)
        tickets: list[tuple[list[Accepted], Ticket]] = []
        failure: Unavailable | None = None
        for (topic, partition), lane in lanes.items():
            try:
                tickets.append((lane, self._producer.submit(topic, partition, [item.record for item in lane])))
            except Unavailable as full:
                failure = full
        for _, ticket in tickets:
            try:
                await ticket.done
            except Unavailable as unavailable:
                failure = unavailable
        present: list[Accepted] = []
        for lane, ticket in tickets:
            if ticket.acknowledged:
                present += lane[: ticket.acknowledged]
                self._metrics.accepted(lane[0].topic, ticket.acknowledged)
        if failure is not None and not present:
            raise failure
        return present

    def spool_rows(self, accepted: Sequence[Accepted]) -> list[OutboxRecord]:
        """The same records as rows of the outbox, which the relay sends when it can. Whoever enqueues them commits."""
        return [OutboxRecord(item.topic, item.record.key, item.record.value, item.record.headers) for item in accepted]


def _too_large(limit: int) -> InvalidEvent:
    return InvalidEvent("event_too_large", [FieldError((), f"this event is larger than {limit} bytes; shorten its texts")])
