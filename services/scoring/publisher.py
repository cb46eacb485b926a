"""Announces the published series on `metrics.updated.v1`: a sample when a number changed, a heartbeat when it did not.

Any number of replicas may run this. A sample is claimed with the next sequence in one short transaction, sent after its
commit, marked in a second; whose claim does not hold lets go, and a claim that nobody marked is sent again.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.scoring.domain.metrics import METRICS, Number
from services.scoring.domain.series import SHORTEST_GAP, Due, Published, Series, digest, due, series_of
from services.scoring.domain.slices import Slice
from services.scoring.domain.windows import minute_of, window_at
from services.scoring.published import Claim, Claimed, activity, claim, every_slice, last_published, mark_published, overdue, unmarked
from services.scoring.samples import record_of, sample_of
from services.scoring.sources import read_until
from services.scoring.store import begin_reading, histograms
from services.scoring.wanted import WantedSeries
from shared.database.engine import Sessions
from shared.database.outbox import Headers
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, backoff, stopped_within

TICK_SECONDS = 0.25
SERIES_AT_ONCE = 1000
log = structlog.get_logger()


class Sink(Protocol):
    """Where samples go: shared.kafka.producer.Producer."""

    async def publish(self, topic: str, key: bytes, value: bytes, headers: Headers) -> None: ...


class PublisherMetrics:
    """What the publisher tells Prometheus; no tenant in it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        prefix = "hearback_scoring"
        self.samples = Counter(f"{prefix}_samples", "Samples acknowledged by Kafka.", ["reason"], registry=registry)
        self.delay = Histogram(
            f"{prefix}_sample_delay_seconds", "From reading a number to its acknowledgement by Kafka.", registry=registry
        )
        self.pending = Gauge(f"{prefix}_pending_series", "Published series that wait for being read again.", registry=registry)
        self.again = Counter(f"{prefix}_samples_again", "Samples sent again because nobody knew them to be out.", registry=registry)


class Publisher:
    """The loop. `overlap` exceeds the longest transaction: changes bear the instant at which theirs began."""

    name = "publisher"

    def __init__(self, sessions: Sessions, sink: Sink, metrics: PublisherMetrics, overlap: timedelta, wanted: WantedSeries) -> None:
        self._sessions = sessions
        self._wanted = wanted
        self._sink = sink
        self._metrics = metrics
        self._overlap = overlap
        self._versions: dict[tuple[Slice, int], int] = {}
        self._pending: dict[Series, datetime] = {}
        """Series to read again, and from when on."""
        self._minute: int | None = None
        """The minute in which everything was put on that list last; None when that has to be done now."""

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Publish until `stop` is set. Waits for PostgreSQL and Kafka; raises what is unforeseen."""
        loop = asyncio.get_running_loop()
        pauses = backoff()
        while not stop.is_set():
            beat()
            began = loop.time()
            try:
                with typed_database_errors():
                    await self.tick(beat)
                pauses = backoff()
                await stopped_within(stop, max(0.0, began + TICK_SECONDS - loop.time()))
            except Unavailable as unavailable:
                log.warning("publisher waits", action="publisher_waits", dependency=unavailable.dependency, detail=unavailable.detail)
                self._minute = None  # what changed meanwhile may lie further back than the overlap
                await stopped_within(stop, next(pauses))

    async def tick(self, beat: Beat) -> None:
        """Look once for what changed, and send what is due. Raises Unavailable and database errors."""
        now, forgotten = await self._look()
        self._metrics.again.inc(len(forgotten))
        await self._send(forgotten)
        self._metrics.pending.set(len(self._pending))
        ready = iter(sorted(series for series, not_before in self._pending.items() if not_before <= now))
        while chunk := list(islice(ready, SERIES_AT_ONCE)):
            beat()
            await self._publish(chunk)

    async def _look(self) -> tuple[datetime, list[Claimed]]:
        """Put on the list what changed, what is due for a heartbeat and, once a minute, everything: old minutes leave the windows.

        Returns PostgreSQL's instant, and the claims that were never marked.
        """
        async with self._sessions.begin() as session:
            now = await begin_reading(session)
            seen = await activity(session, self._overlap)
            series = set(await overdue(session))
            forgotten = await unmarked(session)
            changed: Collection[Slice] = {a.line for a in seen if self._versions.get((a.line, a.writer)) != a.version}
            if self._minute != minute_of(now):
                changed = await every_slice(session)
        series.update(one for line in changed for one in (*series_of(line), *self._wanted.of(line)))
        series.update(self._wanted.news())
        for one in series:
            self._pending.setdefault(one, now)
        self._versions = {(a.line, a.writer): a.version for a in seen}
        self._minute = minute_of(now)
        return now, forgotten

    async def _publish(self, series: Sequence[Series]) -> None:
        """Read these series again in one snapshot, claim the samples that are due, and send what was claimed."""
        began = asyncio.get_running_loop().time()
        claims = await self._read(series)
        async with self._sessions.begin() as session:
            claimed = await claim(session, claims)
        won = {(c.tenant, c.series) for c in claimed}
        for c in claims:
            if (c.series.tenant, c.series.name) in won:
                del self._pending[c.series]
        await self._send(claimed)
        for _ in claimed:
            self._metrics.delay.observe(asyncio.get_running_loop().time() - began)

    async def _read(self, series: Sequence[Series]) -> list[Claim]:
        async with self._sessions.begin() as session:
            as_of = await begin_reading(session)
            watermark = await read_until(session)
            last = await last_published(session, series)
            windows = {window: window_at(window, as_of) for window in sorted({one.window for one in series})}
            counted = await histograms(session, {line for one in series for line in one.slices}, windows)
        if watermark is None:
            return []  # nothing can be said about a topic that was not read yet; the series stay on the list
        claims = []
        for one in series:
            number = METRICS[one.metric].compute(*(counted.get((line, one.window), {}) for line in one.slices))
            drafted = self._draft(one, number, last.get(one, Published(0, None, None)), as_of, watermark)
            if drafted is not None:
                claims.append(drafted)
        return claims

    def _draft(self, one: Series, number: Number, last: Published, as_of: datetime, watermark: datetime) -> Claim | None:
        """The sample to claim if one is due; a series that needs none leaves the list, one that is too early waits on it."""
        noticed = digest(number)
        match due(last, noticed, as_of):
            case Due.CHANGED:
                return Claim(one, last.sequence, noticed, sample_of(one, number, "changed", as_of, watermark))
            case Due.HEARTBEAT:
                return Claim(one, last.sequence, noticed, sample_of(one, number, "heartbeat", as_of, watermark))
            case Due.LATER:
                assert last.claimed_at is not None
                self._pending[one] = last.claimed_at + SHORTEST_GAP
            case Due.NOT:
                del self._pending[one]
        return None

    async def _send(self, claimed: Sequence[Claimed]) -> None:
        """Send, and mark what Kafka acknowledged. Raises Unavailable when it did not acknowledge everything."""
        if not claimed:
            return
        results = await asyncio.gather(*(self._sink.publish(*record_of(c)) for c in claimed), return_exceptions=True)
        sent = [c for c, result in zip(claimed, results, strict=True) if result is None]
        async with self._sessions.begin() as session:
            await mark_published(session, sent)
        for c in sent:
            self._metrics.samples.labels(c.sample.reason).inc()
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in sorted(failures, key=lambda f: isinstance(f, Unavailable)):
            raise failure  # what is unforeseen goes before what can be waited for
