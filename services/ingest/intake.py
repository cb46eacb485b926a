"""The one way from an event's JSON to Kafka, for every way in: requests, webhooks, pulls, imports, surveys.

`judge` says whether an event may come in, does to its personal data what the tenant wants, and makes the record that it becomes;
`publish` puts records on Kafka; `spool_rows` gives the same records to the outbox, for whoever writes in a transaction or must not
depend on Kafka being there.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.ingest.metrics import IngestMetrics
from services.ingest.personal import sealing
from services.ingest.personal.policy import Policies, Policy
from services.ingest.settings import IngestSettings
from shared.contracts.decoding import Submitted, admit, encode
from shared.contracts.envelope import CONTENT_TYPE
from shared.contracts.identity import partition_key
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from shared.database.outbox import OutboxRecord
from shared.errors import FieldError, InvalidEvent, Unavailable
from shared.ids import uuid7
from shared.kafka.producer import WAIT_SECONDS, Headers, Producer, Record, Ticket
from shared.observability.tracing import HEADER

FORBIDDEN = "forbidden"


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The item at `place` of what was sent, on its way: where it goes, what it is known by, and the record that it becomes."""

    place: int
    id: str
    source: str
    revision: int
    topic: str
    record: Record


class Share:
    """So many bytes, given out in the order in which they were asked for."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> int:
        """Wait for `size` bytes, or for all there are when there are fewer; returns how many to give back. Raises Unavailable."""
        wanted = min(size, self._size)
        if self._waiting or wanted > self._free:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((wanted, turn))
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await turn
            except TimeoutError:
                self._leave(wanted, turn)
                raise Unavailable("kafka", "history and streams wait for each other") from None
            except asyncio.CancelledError:
                self._leave(wanted, turn)
                raise
        else:
            self._free -= wanted
        return wanted

    def give_back(self, size: int) -> None:
        """These bytes are free again."""
        self._free += size
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            wanted, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= wanted
                turn.set_result(None)

    def _leave(self, wanted: int, turn: asyncio.Future[None]) -> None:
        """Give back what was given in the very moment in which it was no longer waited for."""
        if turn.done() and not turn.cancelled():
            self.give_back(wanted)
        turn.cancel()


class Judge(msgspec.Struct, frozen=True):
    """Judges events that come together: a tenant's, by one way in, at one time. Made by `Intake.judge_of`."""

    max_event_bytes: int
    metrics: IngestMetrics
    policy: Policy
    tenant: str
    source: str
    now: datetime
    headers: Headers
    may_backfill: bool
    region: str | None

    def __call__(self, item: bytes, id: str | None = None, place: int = 0) -> Accepted:
        """The record that one event's JSON becomes. `id` is used where the event has none; without either it gets a new one.

        Raises InvalidEvent, which is counted by its reason: those of the contract, event_too_large, and FORBIDDEN for what the sender
        has no right to.
        """
        try:
            event = self._admitted(item)
        except InvalidEvent as refused:
            self.metrics.rejected(refused.reason)
            raise
        headers = self.headers
        if event.has_contact or self.policy.touches_all:
            if not event.backfill and (sealed := self.policy.sealed(event, self.region)) is not None:
                headers = (*headers, (sealing.HEADER, sealed))
            event = self.policy.applied(event, self.region)
        tenant, now = self.tenant, self.now
        id, source = event.id or id or str(uuid7(now)), event.source or self.source
        value = encode(event, id=id, source=source, tenant=tenant, receivedat=now)
        record = Record(partition_key(tenant, event.customer_id, id), value, headers)
        return Accepted(place, id, source, event.revision, FEEDBACK_BACKFILL if event.backfill else FEEDBACK_EVENTS, record)

    def _admitted(self, item: bytes) -> Submitted:
        if len(item) > self.max_event_bytes:
            raise _refused("event_too_large", (), f"this event is larger than {self.max_event_bytes} bytes; shorten its texts")
        event = admit(item, self.now)
        if event.tenant is not None and event.tenant != self.tenant:
            text = "403: this key belongs to another tenant; leave tenant out, or use a key of that tenant"
            raise _refused(FORBIDDEN, ("tenant",), text)
        if event.backfill and not self.may_backfill:
            raise _refused(FORBIDDEN, ("backfill",), "403: history needs a key with the scope ingest:backfill")
        return event


class Intake:
    """One a process: holds what judging and publishing need, decides nothing between calls."""

    def __init__(self, settings: IngestSettings, producer: Producer, metrics: IngestMetrics, policies: Policies) -> None:
        self._max_event_bytes = settings.max_event_bytes
        self._producer = producer
        self._bulk = Share(settings.bulk_bytes)
        self._metrics = metrics
        self._policies = policies

    def judge_of(
        self, tenant: str, *, source: str, now: datetime, traceparent: bytes, may_backfill: bool = False, region: str | None = None
    ) -> Judge:
        """What judges a tenant's events that came now. `source` is used where an event has none; `region` (ISO 3166) is where phone
        numbers without a country code are, when that is not the tenant's country.

        Raises Unavailable when the tenant wants pseudonyms and this installation has no key for them.
        """
        headers = ((HEADER, traceparent), CONTENT_TYPE)
        policy = self._policies.of(tenant)
        return Judge(self._max_event_bytes, self._metrics, policy, tenant, source, now, headers, may_backfill, region)

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
        region: str | None = None,
    ) -> Accepted:
        """An event that comes alone. Raises what `judge_of` and the judge raise."""
        judge = self.judge_of(tenant, source=source, now=now, traceparent=traceparent, may_backfill=may_backfill, region=region)
        return judge(item, id, place)

    def redacted(self, tenant: str, text: str) -> str:
        """What somebody typed, as this tenant wants it kept beside its events. Raises Unavailable as `judge` does."""
        return self._policies.of(tenant).redacted(text)

    async def publish(self, accepted: Sequence[Accepted], *, bulk: bool = False) -> Sequence[Accepted]:
        """Put the records on Kafka and return those that are acknowledged. Raises Unavailable when none is.

        Bulk, which history always is, has a share of the queue, waits for its turn in it, and is refused after five seconds: what a
        person waits for must not wait behind it. Judge and publish bulk some hundred events at a time.
        """
        taken = 0
        if accepted and (bulk or accepted[0].topic == FEEDBACK_BACKFILL):
            taken = await self._bulk.take(sum(len(item.record.value) for item in accepted))
        try:
            tickets, missing = self._submit(accepted)
            for _, ticket in tickets:
                try:
                    await ticket.done
                except Unavailable as unavailable:
                    missing = unavailable.detail
                    unavailable.__traceback__ = None  # else it and all that was sent keep each other until the garbage collector comes
        finally:
            if taken:
                self._bulk.give_back(taken)
        present: list[Accepted] = []
        for lane, ticket in tickets:
            if ticket.acknowledged:
                present += lane[: ticket.acknowledged]
                self._metrics.accepted(lane[0].topic, ticket.acknowledged)
        if missing is not None and not present:
            raise Unavailable("kafka", missing)
        return present

    def _submit(self, accepted: Sequence[Accepted]) -> tuple[list[tuple[list[Accepted], Ticket]], str | None]:
        """Queue the records, those of a partition together; the second is why some were not, if any."""
        lanes: dict[tuple[str, int], list[Accepted]] = {}
        for item in accepted:
            partition = self._producer.partition_for(item.topic, item.record.key)
            lanes.setdefault((item.topic, partition), []).append(item)
        tickets: list[tuple[list[Accepted], Ticket]] = []
        missing: str | None = None
        for (topic, partition), lane in lanes.items():
            try:
                tickets.append((lane, self._producer.submit(topic, partition, [item.record for item in lane])))
            except Unavailable as full:
                missing = full.detail
        return tickets, missing

    def spool_rows(self, accepted: Sequence[Accepted]) -> list[OutboxRecord]:
        """The same records as rows of the outbox, which the relay sends when it can. Whoever enqueues them commits."""
        return [OutboxRecord(item.topic, item.record.key, item.record.value, item.record.headers) for item in accepted]


def _refused(reason: str, loc: tuple[str, ...], text: str) -> InvalidEvent:
    return InvalidEvent(reason, [FieldError(loc, text)])
