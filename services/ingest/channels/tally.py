"""What each endpoint counted, in memory until it is added to the rows every two seconds: no request waits for it.

A process that is killed loses what it counted since. It is for people to look at; nothing is decided by it.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import text

from services.ingest.channels.endpoint import OpenEndpoint
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, stopped_within

EVERY_SECONDS = 2.0
COMMENTS_AT_MOST = 50_000
"""Comments that wait to be noted under their posts while PostgreSQL is away; more are not counted as collected."""

_ADD = text("""
    INSERT INTO channel_counts (tenant, endpoint, kind, reason, n, last_at)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:endpoints AS text[]), CAST(:kinds AS text[]), CAST(:reasons AS text[]),
        CAST(:n AS bigint[]), CAST(:at AS timestamptz[])) ORDER BY 1, 2, 3, 4
    ON CONFLICT (tenant, endpoint, kind, reason) DO UPDATE
    SET n = channel_counts.n + excluded.n, last_at = greatest(channel_counts.last_at, excluded.last_at)
""")
_NOTE = text("""
    INSERT INTO channel_comments (tenant, endpoint, post, comment, taken_at)
    SELECT *, now() FROM unnest(CAST(:tenants AS text[]), CAST(:endpoints AS text[]), CAST(:posts AS text[]), CAST(:comments AS text[]))
    ORDER BY 1, 2, 3, 4
    ON CONFLICT DO NOTHING
""")
log = structlog.get_logger()


class Counted(NamedTuple):
    """A row of `channel_counts`: kind is request, refused, passed_over, unreadable or events."""

    tenant: str
    endpoint: str
    kind: str
    reason: str


class Comment(NamedTuple):
    """A comment and the post that it stands under."""

    tenant: str
    endpoint: str
    post: str
    comment: str


class Tally:
    """The counts, and the loop that writes them down."""

    name = "channel counts"

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._counts: dict[Counted, tuple[int, datetime]] = {}
        self._comments: dict[Comment, None] = {}

    def count(self, endpoint: OpenEndpoint, kind: str, at: datetime, reason: str = "", n: int = 1) -> None:
        """So many more."""
        self._add(Counted(endpoint.tenant, endpoint.id, kind, reason), n, at)

    def comments(self, endpoint: OpenEndpoint, under: Iterable[tuple[str, str]]) -> None:
        """Comments that were taken: post and comment, by their ids."""
        for post, comment in under:
            if len(self._comments) < COMMENTS_AT_MOST:
                self._comments[Comment(endpoint.tenant, endpoint.id, post, comment)] = None

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Write until `stop` is set, and once more then."""
        while not await stopped_within(stop, EVERY_SECONDS):
            beat()
            await self.write()
        await self.write()

    async def write(self) -> None:
        """Add what was counted to the rows. What cannot be written now is kept."""
        counts, self._counts = self._counts, {}
        comments, self._comments = self._comments, {}
        if not counts and not comments:
            return
        try:
            with typed_database_errors():
                async with self._sessions.begin() as session:
                    if counts:
                        await session.execute(_ADD, _columns(counts))
                    if comments:
                        names = zip(("tenants", "endpoints", "posts", "comments"), map(list, zip(*comments, strict=True)), strict=True)
                        await session.execute(_NOTE, dict(names))
        except Unavailable as unavailable:
            log.warning("counts wait", action="channel_counts_wait", dependency=unavailable.dependency)
            for name, (n, at) in counts.items():
                self._add(name, n, at)
            self._comments = {**comments, **self._comments}

    def _add(self, name: Counted, n: int, at: datetime) -> None:
        before, last = self._counts.get(name, (0, at))
        self._counts[name] = (before + n, max(last, at))


def _columns(counts: dict[Counted, tuple[int, datetime]]) -> dict[str, list[object]]:
    rows = [(*name, n, at) for name, (n, at) in counts.items()]
    return dict(zip(("tenants", "endpoints", "kinds", "reasons", "n", "at"), map(list, zip(*rows, strict=True)), strict=True))
