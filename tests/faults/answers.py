"""Callers that post single events one after the other and note when each was answered, and how."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.system.traffic import Event

CALLERS = 8
PAUSE_SECONDS = 0.05
PAUSE_AFTER_REFUSAL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """One request's answer; instants are those of `now`."""

    id: str
    asked_at: float
    answered_at: float
    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code


@dataclass(slots=True)
class Answers:
    """Everything that was answered so far. `events` are those that were taken up; after the flow each of them was accepted."""

    events: list[Event] = field(default_factory=list)
    all: list[Answer] = field(default_factory=list)

    @property
    def accepted(self) -> list[Answer]:
        """The 202s, in the order in which they came."""
        return [answer for answer in self.all if answer.status == 202]

    @property
    def refused(self) -> list[Answer]:
        """All others, in the order in which they came."""
        return [answer for answer in self.all if answer.status != 202]

    async def until_accepted(self, count: int, since: float, seconds: float = 60.0) -> None:
        """Wait until `count` events that were asked for after `since` are accepted."""
        async with asyncio.timeout(seconds):
            while sum(answer.asked_at > since for answer in self.accepted) < count:
                await asyncio.sleep(0.05)


def now() -> float:
    """The test's own clock, in seconds; it only ever goes forward."""
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def flowing(client: httpx.AsyncClient, events: Iterable[Event], pause_seconds: float = PAUSE_SECONDS) -> AsyncIterator[Answers]:
    """Post `events` while the body runs; what is refused is sent again, with the same id, until it is accepted."""
    answers, stop, coming = Answers(), asyncio.Event(), iter(events)
    callers = [asyncio.create_task(_call(client, coming, answers, stop, pause_seconds)) for _ in range(CALLERS)]
    try:
        yield answers
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*callers), 60)


async def _call(client: httpx.AsyncClient, coming: Iterator[Event], answers: Answers, stop: asyncio.Event, pause_seconds: float) -> None:
    for event in coming:
        answers.events.append(event)
        while await _post(client, event, answers) != 202:
            await asyncio.sleep(PAUSE_AFTER_REFUSAL_SECONDS)
        if stop.is_set():
            return
        await asyncio.sleep(pause_seconds)


async def _post(client: httpx.AsyncClient, event: Event, answers: Answers) -> int:
    asked_at = now()
    answer = await client.post("/v1/events", json=event)
    answers.all.append(Answer(event["id"], asked_at, now(), answer))
    return answer.status_code


def ids_of(answers: Sequence[Answer]) -> set[str]:
    """Which events they are about."""
    return {answer.id for answer in answers}
