"""The timers of clocks: what is due is announced once, at its instant, by whichever replica gets the case first.

A due waits while this service is known to be behind: a reply that stands unread in the log may be older than it. It waits for a minute
at most, so that a stuck partition delays alarms and does not silence them.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.announcing import Doing, announce, together
from services.closed_loop.configuration import Calendars
from services.closed_loop.domain.case import Case, CaseFile
from services.closed_loop.domain.clock import FIRST_INSTANT_AFTER
from services.closed_loop.domain.decisions import fire
from services.closed_loop.sources import GROUP, LIVE
from services.closed_loop.store import CaseKey, clock_now, load, save, write_journal
from shared.database.outbox import enqueue
from shared.database.timers import TimerMetrics
from shared.observability.tracing import Span, span

WAITS_AT_MOST = timedelta(seconds=60)
AT_ONCE = 250
"""Nobody hears of any before all of them are committed, so that many at once must not make the first ones late."""

_EARLIEST = sa.text("SELECT min(next_at) FROM clocks WHERE next_at IS NOT NULL")

# Whoever holds a case is changing it and will set its timers anew, so it is skipped. The row of the case is the lock, not the clock's.
_CLAIM = sa.text("""
    WITH behind AS (
        SELECT min(oldest_unread) AS since FROM consumer_offsets WHERE consumer_group = :group AND topic = ANY(CAST(:live AS text[]))
    )
    SELECT c.tenant, c.id, k.next_at FROM clocks k
    JOIN cases c ON c.tenant = k.tenant AND c.id = k.case_id
    CROSS JOIN behind
    WHERE k.next_at <= now()
      AND (behind.since IS NULL OR behind.since > k.next_at OR k.next_at <= now() - CAST(:longest AS interval))
    ORDER BY array_position(ARRAY['critical', 'high', 'normal', 'low'], c.severity), k.next_at
    LIMIT :limit
    FOR UPDATE OF c SKIP LOCKED
""")


class ClockTimers:
    """The shared.database.timers.Due of clocks."""

    def __init__(self, calendars: Calendars, metrics: TimerMetrics) -> None:
        self._calendars = calendars
        self._metrics = metrics

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next timer fires."""
        earliest: datetime | None = (await session.execute(_EARLIEST)).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Announce what is due, the highest severity first, then the earliest due. Does not commit."""
        asked = {"group": GROUP, "live": list(LIVE), "longest": WAITS_AT_MOST, "limit": min(limit, AT_ONCE)}
        claimed = [(CaseKey(row.tenant, row.id), row.next_at) for row in await session.execute(_CLAIM, asked)]
        if not claimed:
            return 0
        files = await load(session, self._calendars, {key for key, _ in claimed})
        now = await clock_now(session)
        ordered = [files[key] for key in dict.fromkeys(key for key, _ in claimed)]
        with span("fire clocks", "internal", [file.case.traceparent for file in ordered], {"hearback.cases": len(ordered)}) as firing:
            await _announce_due(session, ordered, firing, now)
        for _, next_at in claimed:
            self._metrics.fired(next_at - FIRST_INSTANT_AFTER, now)
        return len(claimed)


async def _announce_due(session: AsyncSession, files: Sequence[CaseFile], firing: Span, now: datetime) -> None:
    announcements = [announce(fire(file, now), _doing(file.case, firing), now) for file in files]
    await save(session, [(file, announced.file) for file, announced in zip(files, announcements, strict=True)])
    records, entries = together(announcements)
    await write_journal(session, entries)
    await enqueue(session, records)


def _doing(case: Case, firing: Span) -> Doing:
    trace = None if case.traceparent is None else case.traceparent.encode()
    return Doing("timer", "timer", "clocks", traceparent=firing.carries(trace))


def after_start(caught_up: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic) -> Callable[[], bool]:
    """Whether timers may fire: once the consumer has passed the end that the log had at its start, at the latest after a minute."""
    latest = monotonic() + WAITS_AT_MOST.total_seconds()
    return lambda: caught_up() or monotonic() >= latest
