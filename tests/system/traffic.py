"""Feedback as a contact centre sends it, made from a seeded random generator, and a client that does not give up."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx

Event = dict[str, Any]


class Posting(Protocol):
    """A client of ingest, or several that take turns."""

    async def post(self, url: str, *, json: Any) -> httpx.Response: ...


CHANNELS = ("phone", "email", "chat", "web", "store")


def make_events(rng: random.Random, count: int, start: datetime, minutes: int, backfill_share: float = 0.0, first: int = 0) -> list[Event]:
    """`count` events of different ids, numbered from `first`, spread over `minutes` from `start`."""
    return [_make_event(rng, f"e-{number}", start, minutes, backfill_share) for number in range(first, first + count)]


def _make_event(rng: random.Random, id: str, start: datetime, minutes: int, backfill_share: float) -> Event:
    at = start + timedelta(seconds=rng.uniform(0, 60 * minutes - 1))
    kind = rng.choices(("survey", "complaint", "interaction"), (6, 1, 3))[0]
    data: dict[str, Any] = {"channel": rng.choice(CHANNELS)}
    if rng.random() < 0.7:
        data["customer"] = {"id": f"c-{rng.randrange(200)}", "name": "王小明"}
    if kind == "survey":
        data |= {"survey": "after-call", "answers": [_answer(rng) for _ in range(rng.choice((1, 1, 2)))]}
    elif kind == "complaint":
        data |= {"text": "The line dropped three times. 线路断了三次。", "category": "quality"}
    type = {
        "survey": "feedback.survey_answered.v1",
        "complaint": "feedback.complaint_raised.v1",
        "interaction": "interaction.completed.v1",
    }[kind]
    event: Event = {"specversion": "1.0", "id": id, "source": "/test", "type": type, "time": at.isoformat(), "data": data}
    if rng.random() < backfill_share:
        event["backfill"] = True
    return event


def _answer(rng: random.Random) -> dict[str, Any]:
    instrument = rng.choice(("nps", "csat", "ces"))
    if instrument == "nps":
        return {"question": "q-nps", "instrument": "nps", "score": rng.randint(0, 10)}
    if instrument == "csat":
        top = rng.choice((3, 5, 10))
        return {"question": "q-csat", "instrument": "csat", "score": rng.randint(1, top), "scale_min": 1, "scale_max": top}
    top, polarity = rng.choice((5, 7)), rng.choice(("effort", "ease"))
    return {"question": "q-ces", "instrument": "ces", "score": rng.randint(1, top), "scale_min": 1, "scale_max": top, "polarity": polarity}


def revise(rng: random.Random, event: Event, revision: int, start: datetime, minutes: int) -> Event:
    """A later version of an event: another time, customer, channel and content, the same identity and type."""
    while (other := _make_event(rng, event["id"], start, minutes, 0.0))["type"] != event["type"]:
        pass
    kept = {"backfill": True} if event.get("backfill") else {}
    return {**other, **kept, "data": {**other["data"], "revision": revision}}


async def post_until_accepted(client: Posting, batch: Sequence[Event], give_up_seconds: float = 120.0) -> None:
    """Post a batch, again and again with the same ids, until it is answered with 202 and nothing is rejected."""
    async with asyncio.timeout(give_up_seconds):
        while True:
            try:
                answer = await client.post("/v1/events", json=batch[0] if len(batch) == 1 else list(batch))
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code == 202:
                assert answer.json()["rejected"] == []
                return
            assert answer.status_code == 503, answer.text
            assert "retry-after" in answer.headers
            await asyncio.sleep(0.2)


async def post_all(client: httpx.AsyncClient, events: Sequence[Event], rng: random.Random, callers: int = 8) -> None:
    """Post all events in batches of random sizes from several callers at once."""
    batches: list[Sequence[Event]] = []
    at = 0
    while at < len(events):
        size = rng.choice((1, 1, 7, 50))
        batches.append(events[at : at + size])
        at += size
    waiting = iter(batches)

    async def caller() -> None:
        for batch in waiting:
            await post_until_accepted(client, batch)

    await asyncio.gather(*(caller() for _ in range(callers)))
