"""A vendor's request from its bytes to its answer: proven, understood, judged, put on Kafka.

An ordinary request does no work in the database. What needs it goes into one transaction, which decides whether it happened: a token
that may be used once, what is still to be fetched, what could not be read, and the events themselves while Kafka is away.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import Answer, Fetch, NotProven, Outcome, Request, Unreadable
from services.ingest.channels.directory import Directory
from services.ingest.channels.endpoint import Misconfigured, OpenEndpoint, token_hash
from services.ingest.channels.fetches import ask_for
from services.ingest.channels.judging import Judged, judge_events
from services.ingest.channels.kept import Unread, keep, seal
from services.ingest.channels.metrics import ChannelMetrics
from services.ingest.channels.tally import Tally
from services.ingest.channels.vendor_keys import VendorKeys
from services.ingest.intake import Accepted, Intake
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.sqlstates import typed_database_errors
from shared.delivery.secrets import SecretBox
from shared.errors import Unavailable
from shared.web.problems import RETRY_AFTER_SECONDS, Problem, not_found

LARGE_BODY_BYTES = 64 * 1024
"""A larger body is read by an adapter in a thread of its own, so that the event loop gets its turns: one of 5 MB takes a tenth of a second
of a core, and nobody waits for it longer than some ten milliseconds at a time."""
READERS = 2
SPOOL_AFTER_SECONDS = 1.5
"""How long a vendor waits for Kafka before its events are spooled: some give up after three seconds."""
KAFKA_LEFT_ALONE_SECONDS = 2.0
"""After Kafka did not answer, requests are spooled at once for so long."""

_ONCE = text("""
    INSERT INTO channel_once (tenant, endpoint, token, used_at) VALUES (:tenant, :endpoint, :token, :at) ON CONFLICT DO NOTHING
    RETURNING token
""")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Work:
    """What one transaction has to do for a request."""

    spool: Sequence[Accepted] = ()
    fetches: Sequence[Fetch] = ()
    confirm: str | None = None
    unread: Sequence[Unread] = ()
    once: str | None = None

    @property
    def nothing(self) -> bool:
        """Whether no transaction is needed."""
        return not (self.spool or self.fetches or self.confirm or self.unread or self.once)


@dataclass(slots=True)
class _Kafka:
    """When Kafka did not answer last."""

    left_alone_until: float = field(default=0.0)


class Receiver:
    """Takes the requests of all endpoints; keeps nothing between them but counts."""

    def __init__(
        self, directory: Directory, intake: Intake, sessions: Sessions, box: SecretBox | None, keys: VendorKeys, tally: Tally,
        metrics: ChannelMetrics, clock: Clock,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._intake = intake
        self._sessions = sessions
        self._box = box
        self._keys = keys
        self._tally = tally
        self._metrics = metrics
        self._clock = clock
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="adapter")
        self._kafka = _Kafka()

    def close(self) -> None:
        """Let the threads go."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def endpoint(self, channel: str, id: str) -> OpenEndpoint:
        """The endpoint that a request is for. Raises Problem: 404 when there is none, 503 when it cannot be used as it is."""
        try:
            endpoint = await self._directory.find(id)
        except Misconfigured:
            detail = "this endpoint cannot be used as it is set up; its owner sees why"
            raise Problem(503, "misconfigured", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)}) from None
        if endpoint is None or endpoint.channel != channel or endpoint.adapter.receive is None:
            self._metrics.answered("unknown", "unknown_endpoint")
            raise not_found()
        return endpoint

    @contextmanager
    def refusals(self, endpoint: OpenEndpoint) -> Iterator[None]:
        """Count by its reason whatever ends a request of this endpoint, and turn what is not proven into Problem 401."""
        try:
            yield
        except NotProven as refused:
            self._tell(endpoint, "refused", refused.reason)
            raise Problem(401, "not_proven", f"this request is not proven to come from {endpoint.adapter.title}") from None
        except Unavailable as unavailable:
            self._tell(endpoint, "refused", "unavailable")
            dependency = unavailable.dependency
            log.warning("a vendor is asked to come again", action="webhook_refused", channel=endpoint.channel, dependency=dependency)
            raise
        except Problem as refused:
            self._tell(endpoint, "refused", refused.kind)
            raise

    async def receive(self, endpoint: OpenEndpoint, request: Request, traceparent: bytes) -> Answer:
        """Take one request. Raises NotProven, and Unavailable when it cannot be taken safely now."""
        request = await self._keys.added(endpoint, request)
        try:
            outcome = await self._understood(endpoint, request)
        except Unreadable as unreadable:
            await self._store(endpoint, Work(unread=[Unread(request, str(unreadable))]), request.at)
            self._tell(endpoint, "unreadable")
            kept = endpoint.adapter.kept
            return kept(request) if callable(kept) else kept
        judged = await judge_events(self._intake, endpoint, outcome.events, request.at, traceparent)
        unread = [Unread(request, judged.refused[0].reason)] if judged.refused else []
        work = Work((), outcome.fetches, outcome.confirm, unread, outcome.once)
        if work.nothing:
            work = replace(work, spool=await self._publish(judged.accepted))
            self._metrics.spooled(endpoint.channel, len(work.spool))
        else:
            work = replace(work, spool=judged.accepted)
        await self._store(endpoint, work, request.at)
        self._tell(endpoint, "unreadable" if unread else "request")
        self._count(endpoint, outcome, judged)
        return outcome.answer

    async def _understood(self, endpoint: OpenEndpoint, request: Request) -> Outcome:
        receive = endpoint.adapter.receive
        assert receive is not None
        if len(request.body) <= LARGE_BODY_BYTES:
            return receive(request, endpoint.at(request.at))
        return await asyncio.get_running_loop().run_in_executor(self._readers, receive, request, endpoint.at(request.at))

    async def _publish(self, accepted: Sequence[Accepted]) -> Sequence[Accepted]:
        """Put them on Kafka; returns those that it has not acknowledged in time. What arrives all the same is there twice, and known."""
        loop = asyncio.get_running_loop()
        if not accepted or loop.time() < self._kafka.left_alone_until:
            return accepted
        try:
            async with asyncio.timeout(SPOOL_AFTER_SECONDS):
                present = {item.place for item in await self._intake.publish(accepted)}
        except (Unavailable, TimeoutError):
            present = set()
        missing = [item for item in accepted if item.place not in present]
        if missing:
            self._kafka.left_alone_until = loop.time() + KAFKA_LEFT_ALONE_SECONDS
        return missing

    async def _store(self, endpoint: OpenEndpoint, work: Work, now: datetime) -> None:
        """One transaction, or none. Raises Unavailable, and NotProven when another request has used the token."""
        if work.nothing:
            return
        assert self._box is not None  # without it no endpoint can be opened
        unread = await seal(self._box, work.unread)
        with typed_database_errors():
            async with self._sessions.begin() as session:
                if work.once is not None and not await _use_up(session, endpoint, work.once, now):
                    raise NotProven("used_before")
                await enqueue(session, self._intake.spool_rows(work.spool))
                await ask_for(session, self._box, endpoint.tenant, endpoint.id, endpoint.channel, work.fetches)
                if work.confirm is not None:
                    confirm = Fetch(f"confirm:{token_hash(work.confirm).hex()}", {"url": work.confirm})
                    await ask_for(session, self._box, endpoint.tenant, endpoint.id, endpoint.channel, [confirm], "confirm")
                await keep(session, endpoint.tenant, endpoint.id, unread, now)
        for _ in work.unread:
            self._metrics.unreadable(endpoint.channel)

    def _count(self, endpoint: OpenEndpoint, outcome: Outcome, judged: Judged) -> None:
        now = self._clock()
        if judged.accepted:
            self._tally.count(endpoint, "events", now, n=len(judged.accepted))
            self._tally.comments(endpoint, judged.comments)
        for reason, n in outcome.passed_over.items():
            self._tally.count(endpoint, "passed_over", now, reason, n)

    def _tell(self, endpoint: OpenEndpoint, kind: str, reason: str = "") -> None:
        self._tally.count(endpoint, kind, self._clock(), reason)
        self._metrics.answered(endpoint.channel, reason or ("taken" if kind == "request" else kind))


async def _use_up(session: AsyncSession, endpoint: OpenEndpoint, token: str, now: datetime) -> bool:
    """Whether this request is the first that carries the token. Another that came at the same time is waited for."""
    row = {"tenant": endpoint.tenant, "endpoint": endpoint.id, "token": token_hash(token), "at": now}
    return (await session.execute(_ONCE, row)).first() is not None
