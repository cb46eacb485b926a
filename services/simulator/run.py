"""Lets a contact centre post at a steady rate. After a time without ingest it posts what happened meanwhile: nothing is left out."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.simulator.centre import ContactCentre
from services.simulator.posting import Poster, Say
from shared.errors import Unavailable
from shared.loops import stopped_within

AT_ONCE = 500
REPORT_SECONDS = 10.0
SHORTEST_PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Pace:
    """`rate` events a second, from `opened_at` on, for `seconds` or without end."""

    rate: float
    opened_at: datetime
    seconds: float | None = None
    made: int = 0

    def due(self, elapsed: float) -> list[datetime]:
        """The instants of the next events that have happened `elapsed` seconds after the opening, at most `AT_ONCE`."""
        until = elapsed if self.seconds is None else min(elapsed, self.seconds)
        first, self.made = self.made, min(self.made + AT_ONCE, int(until * self.rate))
        return [self.opened_at + timedelta(seconds=number / self.rate) for number in range(first + 1, self.made + 1)]

    def over(self, elapsed: float) -> bool:
        """Whether nothing will be due any more."""
        return self.seconds is not None and elapsed >= self.seconds and self.made >= int(self.seconds * self.rate)


@dataclass(slots=True)
class Simulation:
    """One centre posting, and how many of its events were taken (some sent before), refused, or given up at the stop."""

    poster: Poster
    centre: ContactCentre
    pace: Pace
    say: Say
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    given_up: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Post until `stop` is set or the pace is over. Raises what `Poster.post` raises, but for the stop itself."""
        loop = asyncio.get_running_loop()
        began = reported = loop.time()
        while not stop.is_set():
            instants = self.pace.due(loop.time() - began)
            if instants:
                await self._post(instants, stop)
            elif self.pace.over(loop.time() - began):
                break
            else:
                await stopped_within(stop, max(SHORTEST_PAUSE_SECONDS, min(0.2, 1 / self.pace.rate)))
            if loop.time() - reported >= REPORT_SECONDS:
                reported = loop.time()
                self.say(self.summary())
        self.say(self.summary())

    async def _post(self, instants: list[datetime], stop: asyncio.Event) -> None:
        events = [self.centre.next_event(at) for at in instants]
        try:
            outcome = await self.poster.post([json.dumps(event).encode() for event in events], stop)
        except Unavailable:
            if not stop.is_set():
                raise
            self.given_up = len(events)
            return
        for refusal in outcome.refused:
            self.say(f"refused: {events[refusal.place]['type']}: {refusal.reason}")
        self.accepted += outcome.accepted
        self.duplicates += outcome.duplicates
        self.refused += len(outcome.refused)

    def summary(self) -> str:
        """One line."""
        given_up = f", {self.given_up} not taken before the stop" if self.given_up else ""
        return f"posted {self.accepted} events ({self.duplicates} of them sent before), refused {self.refused}{given_up}"
