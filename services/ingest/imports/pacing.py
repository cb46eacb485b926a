"""How a long piece of work stays polite and alive: little at a time, then whoever else wants the event loop; the lease held on meanwhile.

What reads and judges rows computes, in the process that may also answer requests. A request takes several turns of the event loop, so
it is not enough to let others in between: after each slice of work comes a breath, in which a request can go its whole way. A breath that
took longer than it should shows that others want the processor, in this process or beside it; then the next slice waits longer.
"""

import asyncio
import time
from collections.abc import Generator
from typing import Literal, TypeVar

from services.ingest.imports import store
from services.ingest.imports.store import Import
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.loops import Beat, stopped_within

SLICE_SECONDS = 0.001
BREATH_SECONDS = 0.001
RESOLUTION_SECONDS = 0.001
"""By so much a sleep may be late for no reason: the event loop's timers count milliseconds."""
GIVEN_WAY = 4.0
LONGEST_WAY_SECONDS = 0.01
"""Who was late by so much is given several times as much, at most this: an import goes on beside whatever else runs."""
HELD_AFTER = 0.25
"""Of the lease's time."""

Found = TypeVar("Found")


class Interrupted(Exception):
    """The work ends here: the process stops, somebody else has the lease, or a person cancelled it."""

    def __init__(self, why: Literal["stopping", "lost", "cancelled"]) -> None:
        super().__init__(why)
        self.why = why


class Pace:
    """Of the work on one import."""

    def __init__(self, sessions: Sessions, one: Import, lease_seconds: float, stop: asyncio.Event, beat: Beat) -> None:
        self.lease_seconds = lease_seconds
        self._sessions = sessions
        self._one = one
        self._stop = stop
        self._beat = beat
        self._slice_ends = 0.0
        self._hold_at = time.monotonic() + HELD_AFTER * self.lease_seconds

    async def turn(self) -> None:
        """Call it after every small step. Raises Interrupted."""
        now = time.monotonic()
        if now < self._slice_ends:
            return
        if now >= self._hold_at:
            await self.hold(None)
        self.go_on()
        began = time.monotonic()
        await asyncio.sleep(BREATH_SECONDS)
        late = time.monotonic() - began - BREATH_SECONDS - RESOLUTION_SECONDS
        if late > 0:
            await asyncio.sleep(min(GIVEN_WAY * late, LONGEST_WAY_SECONDS))
        self._slice_ends = time.monotonic() + SLICE_SECONDS

    async def through(self, steps: Generator[None, None, Found]) -> Found:
        """Go through a generator with a turn at each pause; returns what it returns."""
        while True:
            try:
                next(steps)
            except StopIteration as done:
                found: Found = done.value
                return found
            await self.turn()

    def go_on(self) -> None:
        """Raises Interrupted when the process is to stop."""
        self._beat()
        if self._stop.is_set():
            raise Interrupted("stopping")

    async def rest(self, seconds: float) -> None:
        """Sleep, or less when the process is to stop. Raises Interrupted."""
        await stopped_within(self._stop, seconds)
        self.go_on()

    def heard(self, cancelling: bool | None) -> None:
        """What the database said about the import. Raises Interrupted when it is another's, or to be cancelled."""
        self._hold_at = time.monotonic() + HELD_AFTER * self.lease_seconds
        if cancelling is None:
            raise Interrupted("lost")
        if cancelling:
            raise Interrupted("cancelled")

    async def hold(self, waiting_for: str | None) -> None:
        """Hold the lease on, and tell what is waited for. While PostgreSQL is away nothing is said: who loses the lease learns it later."""
        try:
            with typed_database_errors():
                async with self._sessions.begin() as session:
                    cancelling = await store.keep(session, self._one, self.lease_seconds, waiting_for)
        except Unavailable:
            self._hold_at = time.monotonic() + 1.0
            return
        self.heard(cancelling)
