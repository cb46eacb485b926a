"""The loop that works on imports: it takes the next one under a lease, fetches its file, checks it or goes through it.

Any replica may take any import; one that dies loses its lease after seconds, and another goes on where the accounting stands.
"""

import asyncio
import errno
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from services.ingest.imports import store
from services.ingest.imports.cells import UnreadableFile
from services.ingest.imports.checking import Checker
from services.ingest.imports.pacing import Interrupted, Pace
from services.ingest.imports.running import ImportMetrics, Run
from services.ingest.imports.store import Import
from services.ingest.intake import Intake
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.database.timers import LONGEST_SLEEP_SECONDS, Listener, look_whenever_heard
from shared.errors import InvalidEvent, Unavailable
from shared.ids import uuid7
from shared.loops import Beat

ATTEMPTS = 5
TIDY_SECONDS = 3600.0

log = structlog.get_logger()


class ImportLoop:
    """One import at a time; a process may run several of these loops."""

    def __init__(
        self, number: int, settings: IngestSettings, sessions: Sessions, intake: Intake, metrics: ImportMetrics, clock: Clock
    ) -> None:
        self.name = f"imports {number}"
        self._settings = settings
        self._sessions = sessions
        self._intake = intake
        self._checker = Checker(intake, settings.import_unpacked_bytes)
        self._metrics = metrics
        self._clock = clock
        self._lease = str(uuid7(clock()))
        self._tidied = -TIDY_SECONDS

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Work until `stop` is set. Waits for PostgreSQL and Kafka; raises what is unforeseen."""

        async def look() -> float:
            return await self._look(stop, beat)

        await look_whenever_heard(self.name, Listener(self.name, self._settings.database, store.CHANNEL), look, stop, beat)

    async def _look(self, stop: asyncio.Event, beat: Beat) -> float:
        async with self._sessions.begin() as session:
            one = await store.claim(session, self._lease, self._settings.import_lease_seconds)
        if one is None:
            await self._tidy()
            return LONGEST_SLEEP_SECONDS
        pace = Pace(self._sessions, one, self._settings.import_lease_seconds, stop, beat)
        try:
            await self._attempt(one, pace)
        except UnreadableFile as unreadable:
            await self._end(one, "failed", detail=str(unreadable))
        except InvalidEvent:
            await self._end(one, "failed", detail="the file holds something that can never be stored")
        except Interrupted as interrupted:
            log.info("an import is left", action="import_left", why=interrupted.why)
            if interrupted.why == "cancelled":
                await self._end(one, "cancelled")
            elif interrupted.why == "stopping":
                async with self._sessions.begin() as session:
                    await store.release(session, one)
                    await store.wake(session)
        return 0.0

    async def _attempt(self, one: Import, pace: Pace) -> None:
        """Work, and let people see what is waited for. Raises Unavailable, UnreadableFile, InvalidEvent and Interrupted."""
        try:
            with typed_database_errors(), _typed_disk_errors():
                await self._work(one, pace)
        except Unavailable as away:
            await pace.hold(away.dependency)
            raise

    async def _work(self, one: Import, pace: Pace) -> None:
        if one.cancelling:
            raise Interrupted("cancelled")
        if one.attempts > ATTEMPTS:
            raise UnreadableFile("the process ended again and again over this file; what happened stands in its log")
        async with self._sessions() as session:
            zone = ZoneInfo(await store.zone_of(session, one.tenant))
        with tempfile.TemporaryDirectory(prefix="hearback-import-") as folder:
            path = Path(folder) / "file"
            await self._fetch(one, path, pace)
            if one.state == "checking":
                checked = await self._checker.check(one, path, zone, self._clock(), pace)
                found = {
                    "form": checked.form.model_dump(mode="json"),
                    "mapping": None if checked.mapping is None else checked.mapping.model_dump(mode="json", exclude_defaults=True),
                    "preview": store.storable_document(checked.preview.model_dump()),
                }
                starts = one.start_at_once and not checked.preview.problems
                async with self._sessions.begin() as session:
                    await store.settle(session, one, "running" if starts else "waiting", **found, **self._now(starts))
            else:
                await Run(one, self._intake, self._sessions, self._metrics, pace, self._clock).through(
                    path, zone, self._settings.import_unpacked_bytes
                )
                await self._end(one, "done")

    async def _fetch(self, one: Import, path: Path, pace: Pace) -> None:
        """Write the parts of the file into a temporary one, which programs can go to and fro in."""
        size = position = 0
        with path.open("wb") as file:
            while True:
                async with self._sessions() as session:
                    content = await store.part(session, one, position)
                if content is None:
                    break
                size += file.write(content)
                position += 1
                await pace.turn()
        if size != one.size_bytes:
            raise UnreadableFile("the file is no longer here: send it again")

    async def _end(self, one: Import, state: store.State, **values: object) -> None:
        async with self._sessions.begin() as session:
            if await store.settle(session, one, state, ended_at=self._clock(), preview=None, **values) and state != "failed":
                await store.drop_file(session, one)

    def _now(self, starts: bool) -> dict[str, object]:
        return {"started_at": self._clock()} if starts else {}

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied >= TIDY_SECONDS:
            self._tidied = time.monotonic()
            async with self._sessions.begin() as session:
                await store.tidy(session)


@contextmanager
def _typed_disk_errors() -> Iterator[None]:
    """A disk that is full or cannot be written to is a dependency that is away; sqlite says it in a way of its own."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(error, OSError) and error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise  # a connection's
        raise Unavailable("disk", "the folder for temporary files cannot be written to") from None
