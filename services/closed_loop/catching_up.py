"""After a start timers wait: what came while nobody consumed stands unread in the log, and may answer what is due.

The end that the log had at this start is asked of Kafka, and how far the group has come is read from its stored offsets. So it
makes no difference which process consumes which partition, or whether this one consumes at all.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from shared.database.engine import Sessions
from shared.database.offsets import Partition, read_positions
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable
from shared.kafka.ends import log_ends
from shared.loops import Beat, stopped_within
from shared.settings import KafkaSettings

LOOK_SECONDS = 0.2
IDLE_SECONDS = 5.0
log = structlog.get_logger()


class CatchingUp:
    """The loop that finds out when `group` has read `topics` up to where they ended at the start, or `longest` is over."""

    name = "catching up"

    def __init__(
        self, kafka: KafkaSettings, sessions: Sessions, group: str, topics: Sequence[str], longest: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._kafka = kafka
        self._sessions = sessions
        self._group = group
        self._topics = topics
        self._monotonic = monotonic
        self._latest = monotonic() + longest.total_seconds()
        self._ends: dict[Partition, int] | None = None
        self._done = False

    def over(self) -> bool:
        """Whether timers need not wait any more."""
        return self._done or self._monotonic() >= self._latest

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Look until it is over, then only beat until `stop` is set. Waits for Kafka and PostgreSQL."""
        while not stop.is_set():
            beat()
            if not self.over():
                try:
                    self._done = await self._reached()
                except Unavailable as unavailable:
                    log.warning("catching up waits", action="catching_up_waits", dependency=unavailable.dependency)
            await stopped_within(stop, IDLE_SECONDS if self.over() else LOOK_SECONDS)

    async def _reached(self) -> bool:
        if self._ends is None:
            self._ends = await log_ends(self._kafka, self._topics)
        with typed_database_errors():
            async with self._sessions.begin() as session:
                positions = await read_positions(session, self._group, self._topics)
        return all(positions.get(partition, 0) >= end for partition, end in self._ends.items())
