"""An import under way: from the row after the last that is accounted for to the end of the file.

A batch is on Kafka before it is accounted for. Whoever dies in between leaves rows on Kafka that are sent once more with the same ids, and
counted once: by the accounting because it moves with the batch, by readers because they know the ids.
"""

import time
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, Counter

from services.ingest.imports import store
from services.ingest.imports.cells import Table, UnreadableFile
from services.ingest.imports.checking import with_columns_of
from services.ingest.imports.interpreting import Interpreter
from services.ingest.imports.known_rows import KnownRows
from services.ingest.imports.mapping import Mapping
from services.ingest.imports.pacing import Pace
from services.ingest.imports.reading import Form, opened
from services.ingest.imports.sorting import Batch, Sorter
from services.ingest.imports.store import Import, Progress
from services.ingest.intake import Accepted, Intake
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import backoff

RATE_SECONDS = 1.0

log = structlog.get_logger()


class ImportMetrics:
    """What imports tell Prometheus; no tenant in a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter("hearback_ingest_import_rows", "Rows of imports that are accounted for.", ["outcome"], registry=registry)

    def accounted(self, accepted: int, duplicate: int, refused: int) -> None:
        """So many more rows."""
        for outcome, count in (("accepted", accepted), ("duplicate", duplicate), ("refused", refused)):
            self._rows.labels(outcome).inc(count)


class Run:
    """One worker's passage through one file."""

    def __init__(self, one: Import, intake: Intake, sessions: Sessions, metrics: ImportMetrics, pace: Pace, clock: Clock) -> None:
        self._one = one
        self._intake = intake
        self._sessions = sessions
        self._metrics = metrics
        self._pace = pace
        self._clock = clock
        self._read = one.read
        self._rate = one.rows_per_second
        self._measured = (time.monotonic(), one.read)

    async def through(self, path: Path, zone: ZoneInfo, max_unpacked_bytes: int) -> None:
        """Go through the file. Raises Interrupted, and UnreadableFile where it turns out broken, what stands before accounted for."""
        mapping = None if self._one.mapping is None else Mapping.model_validate(self._one.mapping)
        form = with_columns_of(Form.model_validate(self._one.form), mapping)
        with opened(path, form, max_unpacked_bytes) as file, closing(KnownRows(path.with_suffix(".known"))) as known:
            for _ in file.preparing:
                await self._pace.turn()
            table = file.table()
            interpreter = Interpreter(mapping, table.columns, zone, backfill=not self._one.act)
            source = f"/imports/{self._one.name or form.digest}"
            await self._rows(table, Sorter(self._one.tenant, source, interpreter, known, self._intake))

    async def _rows(self, table: Table, sorter: Sorter) -> None:
        batch, position = Batch(), 0
        try:
            for row in table.rows:
                await self._pace.turn()
                if row is None:
                    continue
                position += 1
                if position > self._one.read:
                    sorter.take(batch, row, position, self._clock())
                else:  # accounted for already, by whoever worked on it before
                    sorter.pass_over(row)
                if batch.full:
                    await self._finish(batch, table.share())
                    batch = Batch()
        except UnreadableFile:
            await self._finish(batch, table.share())
            raise
        await self._finish(batch, 1.0)

    async def _finish(self, batch: Batch, share: float) -> None:
        """Publish what was accepted and account for the batch, however long Kafka or PostgreSQL may be away. Raises Interrupted."""
        if not batch.rows:
            return
        await self._publish(batch.accepted)
        before, self._read = self._read, self._read + batch.rows
        progress = Progress(before, self._read, len(batch.accepted), batch.duplicate, batch.refused, share, self._measure())
        pauses = backoff()
        while True:
            try:
                with typed_database_errors():
                    async with self._sessions.begin() as session:
                        cancelling = await store.advance(session, self._one, self._pace.lease_seconds, progress)
                break
            except Unavailable as away:
                log.warning("an import waits", action="import_waits", dependency=away.dependency, detail=away.detail)
                await self._wait(next(pauses), None)
        if cancelling is not None:
            self._metrics.accounted(len(batch.accepted), batch.duplicate, len(batch.refused))
        self._pace.heard(cancelling)

    async def _publish(self, accepted: list[Accepted]) -> None:
        missing, pauses = accepted, backoff()
        while missing:
            try:
                present = {item.place for item in await self._intake.publish(missing, bulk=True)}
            except Unavailable as away:
                log.warning("an import waits", action="import_waits", dependency=away.dependency, detail=away.detail)
                await self._wait(next(pauses), away.dependency)
                continue
            missing = [item for item in missing if item.place not in present]

    async def _wait(self, seconds: float, waiting_for: str | None) -> None:
        self._pace.go_on()
        await self._pace.rest(seconds)
        if waiting_for is not None:
            await self._pace.hold(waiting_for)

    def _measure(self) -> float:
        """Rows a second, over the last second or more."""
        at, read = self._measured
        now = time.monotonic()
        if now - at >= RATE_SECONDS:
            self._rate = (self._read - read) / (now - at)
            self._measured = (now, self._read)
        return self._rate
