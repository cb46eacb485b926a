"""A client of `POST /v1/events` that loses nothing: it waits as long as the server asks, and comes again with the same ids.

It is safe to send the same events again at any time, because each of them has an id of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

from shared.errors import ConfigurationError, Unavailable
from shared.loops import backoff, stopped_within

PATH = "/v1/events"
NDJSON = {"Content-Type": "application/x-ndjson"}
COME_AGAIN = {429, 503}
MAY_PASS = {408, 425, 500, 502, 504}
TRIES_WHEN_BROKEN = 8
LONGEST_PAUSE_SECONDS = 5.0

Say = Callable[[str], None]


class Refusal(NamedTuple):
    """An event that ingest will never take as it is: its place among those posted, its id when it has one, and why."""

    place: int
    id: str | None
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of events. `duplicates` are among the accepted: known to ingest from before."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def add(self, other: "Outcome", offset: int = 0) -> None:
        """Count another outcome in, whose events came `offset` places later."""
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        self.refused += [refusal._replace(place=refusal.place + offset) for refusal in other.refused]


class Poster:
    """Posts events, each given as one JSON text. `client` carries the address and the key; `say` is told of every wait."""

    def __init__(self, client: httpx.AsyncClient, say: Say) -> None:
        self._client = client
        self._say = say

    async def post(self, events: Sequence[bytes], stop: asyncio.Event) -> Outcome:
        """Post until ingest has taken or refused every event.

        Raises Unavailable when `stop` is set while it waits or ingest stays broken, ConfigurationError when address or
        key are wrong. The same events may be posted again after either.
        """
        answer = await self._answer(b"\n".join(events), stop)
        told = _body(answer)
        if answer.status_code == 413 and len(events) > 1:
            half = len(events) // 2
            outcome = await self.post(events[:half], stop)
            outcome.add(await self.post(events[half:], stop), offset=half)
            return outcome
        if answer.status_code == 202 or "rejected" in told:
            return Outcome(int(told["accepted"]), len(told["duplicates"]), [_refusal(item) for item in told["rejected"]])
        if answer.status_code in (400, 413):
            return Outcome(refused=[Refusal(place, None, _detail(answer)) for place in range(len(events))])
        raise ConfigurationError(f"{answer.url} answers {answer.status_code}: {_detail(answer)}")

    async def _answer(self, body: bytes, stop: asyncio.Event) -> httpx.Response:
        """The first answer that is final."""
        broken = 0
        for pause in backoff(longest=LONGEST_PAUSE_SECONDS):
            asked = 0.0
            try:
                answer = await self._client.post(PATH, content=body, headers=NDJSON)
            except httpx.TransportError as error:
                what = type(error).__name__
            else:
                if answer.status_code not in COME_AGAIN | MAY_PASS:
                    return answer
                what = f"{answer.status_code} {_detail(answer)}"
                asked = _retry_after(answer)
                broken += answer.status_code in MAY_PASS
            if broken == TRIES_WHEN_BROKEN:
                raise Unavailable("ingest", f"it stays broken ({what}); see its log")
            wait = max(pause, asked)
            self._say(f"ingest: {what}; again in {wait:.1f} s")
            if await stopped_within(stop, wait):
                raise Unavailable("ingest", f"stopped while waiting for it ({what})")
        raise AssertionError("backoff never ends")


def _retry_after(answer: httpx.Response) -> float:
    """Seconds of a `Retry-After` header; 0 when there is none (or a date, which none of our services sends)."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.0


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _detail(answer: httpx.Response) -> str:
    return str(_body(answer).get("detail") or answer.reason_phrase)


def _refusal(item: dict[str, Any]) -> Refusal:
    errors = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}".removeprefix(": ") for error in item["errors"])
    return Refusal(item["index"], item["id"], "; ".join(errors))
