"""The timers of clocks: what is due is announced once, at its instant, by whichever replica gets the case first.

A due waits while this service is known to be behind: a reply that stands unread in the log may be older than it. It waits for a minute
at most (unless set), so that a stuck partition delays alarms and does not silence them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.announcing import Doing, say, together
from services.closed_loop.configuration import Calendars
from services.closed_loop.domain.case import SEVERITIES, CaseFile
from services.closed_loop.domain.clock import FIRST_INSTANT_AFTER
from services.closed_loop.domain.decisions import fire
from services.closed_loop.rows import read_case
from services.closed_loop.sources import GROUP, LIVE, TIMER_CHANNEL
from services.closed_loop.statements import CLAIM_DUE
from services.closed_loop.store import DueClock, clock_now, load_due, save_fired, write_journal
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.timers import TimerLoop, TimerMetrics, always
from shared.loops import in_turns
from shared.observability.tracing import Span, span
from shared.settings import DatabaseSettings

WAITS_AT_MOST = timedelta(seconds=60)
AT_ONCE = 500
"""Nobody hears of any before all of them are committed, so that many at once must not make the first ones late."""
IN_FLIGHT = 3

_EARLIEST_OF = "SELECT min(next_at) FROM clocks WHERE severity = '{}' AND next_at IS NOT NULL"
_EARLIEST = sa.text(f"SELECT least({', '.join(f'({_EARLIEST_OF.format(severity)})' for severity in SEVERITIES)})")

# A batch finds its rows by their keys. While a table is small, or young, the planner would rather read all of it, batch after batch.
_BY_KEY = sa.text("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")


class ClockTimers:
    """The shared.database.timers.Due of clocks."""

    def __init__(self, calendars: Calendars, metrics: TimerMetrics, longest: timedelta = WAITS_AT_MOST) -> None:
        """`longest` is how long a due waits for unread events."""
        self._calendars = calendars
        self._metrics = metrics
        self._longest = longest

    async def earliest(self, session: AsyncSession) -> datetime | None:
        """When the next timer fires."""
        earliest: datetime | None = (await session.execute(_EARLIEST)).scalar_one()
        return earliest

    async def fire(self, session: AsyncSession, limit: int) -> int:
        """Announce what is due, the highest severity first, then the earliest due. Does not commit."""
        due = await _claim(session, self._longest, limit)
        if not due:
            return 0
        files = await load_due(session, self._calendars, due)
        now = await clock_now(session)
        with span("fire clocks", "internal", [file.case.traceparent for file in files], {"hearback.cases": len(files)}) as firing:
            await _announce_due(session, files, firing, now)
        for one in due:
            self._metrics.fired(one.next_at - FIRST_INSTANT_AFTER, now)
        return len(due)


def clock_loop(
    database: DatabaseSettings,
    sessions: Sessions,
    calendars: Calendars,
    metrics: TimerMetrics,
    ready: Callable[[], bool] = always,
    longest: timedelta = WAITS_AT_MOST,
) -> TimerLoop:
    """The loop that fires the timers of clocks."""
    due = ClockTimers(calendars, metrics, longest)
    return TimerLoop("timers", database, sessions, TIMER_CHANNEL, due, metrics, ready, at_once=AT_ONCE, in_flight=IN_FLIGHT)


async def _claim(session: AsyncSession, longest: timedelta, limit: int) -> list[DueClock]:
    """Clocks that are due, the highest severity first, then the earliest; their cases are locked now."""
    await session.execute(_BY_KEY)
    asked = {"group": GROUP, "live": list(LIVE), "longest": longest, "severities": SEVERITIES[::-1], "limit": limit}
    rows = sorted(await session.execute(CLAIM_DUE, asked), key=itemgetter(0, 2))
    return [DueClock(read_case(case), id, next_at) for _, id, next_at, *case in rows]


async def _announce_due(session: AsyncSession, files: Sequence[CaseFile], firing: Span, now: datetime) -> None:
    doings = {trace: _doing(trace, firing) for trace in {file.case.traceparent for file in files}}
    decisions, said = [], []
    async for file in in_turns(files):
        decision = fire(file, now)
        decisions.append(decision)
        said.append(say(decision, doings[file.case.traceparent], now))
    changes = [(file, decision.file) for file, decision in zip(files, decisions, strict=True)]
    await save_fired(session, changes, [len(one.records) for one in said])
    records, entries = together(said)
    await write_journal(session, entries)
    await enqueue(session, records)


def _doing(traceparent: str | None, firing: Span) -> Doing:
    trace = None if traceparent is None else traceparent.encode()
    return Doing("timer", "timer", "clocks", traceparent=firing.carries(trace))
