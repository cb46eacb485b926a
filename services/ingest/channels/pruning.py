"""Forgets what has had its time: content that could not be read, dead fetches, tokens that were used up, comments under old posts."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import text

from services.ingest.channels.kept import KEPT_BYTES, KEPT_DAYS
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, stopped_within

EVERY_SECONDS = 60.0
ROWS_AT_ONCE = 5000
ONCE_DAYS = 30
"""Far longer than any vendor's timestamp is fresh."""
COLLECTED_DAYS = 400

CROWDED = f"""ctid IN (
    SELECT ctid FROM (
        SELECT ctid, sum(size) OVER (PARTITION BY tenant, endpoint ORDER BY last_at DESC, id) AS upto FROM channel_unreadable
    ) AS kept WHERE upto > {KEPT_BYTES}
)"""  # noqa: S608 - the number is ours
"""What of an endpoint is more than may be kept, the oldest first: one that was set up wrongly must not fill the disk of all."""

KEPT = (
    ("channel_unreadable", "last_at", "true", timedelta(days=KEPT_DAYS)),
    ("channel_unreadable", "last_at", CROWDED, timedelta()),
    ("channel_fetches", "next_at", "state = 'dead'", timedelta(days=KEPT_DAYS)),
    ("channel_once", "used_at", "true", timedelta(days=ONCE_DAYS)),
    ("channel_comments", "taken_at", "true", timedelta(days=COLLECTED_DAYS)),
    ("channel_collected", "told_at", "true", timedelta(days=COLLECTED_DAYS)),
)
log = structlog.get_logger()


Kept = Sequence[tuple[str, str, str, timedelta]]
"""Table, the column of its instants, which rows, and how long these are kept."""


class Pruning:
    """The loop; any number of replicas may run it."""

    def __init__(self, sessions: Sessions, kept: Kept = KEPT, name: str = "channel pruning") -> None:
        self.name = name
        self._sessions = sessions
        self._kept = kept

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Prune every minute until `stop` is set."""
        while True:
            beat()
            try:
                with typed_database_errors():
                    await self.prune()
            except Unavailable as unavailable:
                log.warning("pruning waits", action="pruning_waits", dependency=unavailable.dependency)
            if await stopped_within(stop, EVERY_SECONDS):
                return

    async def prune(self) -> int:
        """Delete a batch of what is over, table by table. Returns how many rows."""
        deleted = 0
        for table, column, which, kept in self._kept:
            query = text(f"""
                DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM {table} WHERE {which} AND {column} < now() - CAST(:kept AS interval)
                    LIMIT :most FOR UPDATE SKIP LOCKED
                ))
            """)  # noqa: S608 - the names are ours
            async with self._sessions.begin() as session:
                found = await session.execute(query, {"kept": kept, "most": ROWS_AT_ONCE})
                deleted += max(0, found.rowcount)  # type: ignore[attr-defined]
        return deleted
