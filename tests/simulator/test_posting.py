"""The client that gives nothing up, against an ingest that answers as a test tells it to."""

import asyncio
import time
from collections.abc import Callable, Sequence

import httpx
import pytest

from services.simulator.posting import Outcome, Poster, Refusal
from shared.errors import ConfigurationError, Unavailable

EVENTS = [b'{"id":"a"}', b'{"id":"b"}', b'{"id":"c"}']
ACCEPTED = httpx.Response(202, json={"accepted": 3, "duplicates": [1], "rejected": []})


class Ingest:
    """Answers in this order, the last one for ever; remembers the bodies it was sent."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[bytes], httpx.Response]) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer(request.content) if callable(answer) else answer


async def post(ingest: Ingest, events: Sequence[bytes] = EVENTS, stop: asyncio.Event | None = None) -> tuple[Outcome, list[str]]:
    """Post, and return the outcome with what was said of waits."""
    said: list[str] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(ingest), base_url="http://ingest") as client:
        return await Poster(client, said.append).post(events, stop or asyncio.Event()), said


async def test_events_are_sent_one_a_line_and_counted() -> None:
    ingest = Ingest(ACCEPTED)

    outcome, said = await post(ingest)

    assert ingest.bodies == [b'{"id":"a"}\n{"id":"b"}\n{"id":"c"}']
    assert outcome == Outcome(accepted=3, duplicates=1)
    assert said == []


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(429), httpx.Response(502), httpx.ConnectError("refused")])
async def test_the_same_events_are_sent_again_until_they_are_taken(answer: httpx.Response | Exception) -> None:
    ingest = Ingest(answer, answer, ACCEPTED)

    outcome, said = await post(ingest)

    assert outcome.accepted == 3
    assert len(ingest.bodies) == 3
    assert len(set(ingest.bodies)) == 1
    assert len(said) == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_it_waits_as_long_as_the_server_asks(status: int) -> None:
    ingest = Ingest(httpx.Response(status, headers={"Retry-After": "1"}), ACCEPTED)
    began = time.monotonic()

    await post(ingest)

    assert time.monotonic() - began >= 1.0


async def test_a_stop_ends_the_wait_and_says_that_nothing_was_taken() -> None:
    ingest, stop = Ingest(httpx.Response(503, headers={"Retry-After": "60"})), asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)

    with pytest.raises(Unavailable):
        await asyncio.wait_for(post(ingest, stop=stop), 5)


async def test_what_is_refused_is_told_with_its_place_and_reason() -> None:
    rejected = [{"index": 2, "id": "c", "errors": [{"loc": ["data", "score"], "msg": "must be a whole number"}]}]
    partly = Ingest(httpx.Response(202, json={"accepted": 2, "duplicates": [], "rejected": rejected}))
    wholly = Ingest(httpx.Response(422, json={"accepted": 0, "duplicates": [], "rejected": rejected, "detail": "see errors"}))

    outcomes = [(await post(ingest))[0] for ingest in (partly, wholly)]

    refusal = Refusal(2, "c", "data.score: must be a whole number")
    assert outcomes == [Outcome(2, 0, [refusal]), Outcome(0, 0, [refusal])]


async def test_a_body_that_is_too_large_is_sent_in_parts_and_places_stay_right() -> None:
    def takes_one(body: bytes) -> httpx.Response:
        if b"\n" in body:
            return httpx.Response(413, json={"detail": "too large"})
        if body == EVENTS[1]:
            return httpx.Response(413, json={"detail": "this event is too large"})
        refused = [{"index": 0, "id": "c", "errors": [{"loc": [], "msg": "no"}]}] if body == EVENTS[2] else []
        return httpx.Response(202, json={"accepted": 1 - len(refused), "duplicates": [], "rejected": refused})

    outcome, _ = await post(Ingest(takes_one))

    assert outcome == Outcome(1, 0, [Refusal(1, None, "this event is too large"), Refusal(2, "c", "no")])


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_key_or_address_is_no_reason_to_wait(status: int) -> None:
    with pytest.raises(ConfigurationError, match=f"answers {status}: use another key"):
        await post(Ingest(httpx.Response(status, json={"detail": "use another key"})))


async def test_an_ingest_that_stays_broken_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.posting.LONGEST_PAUSE_SECONDS", 0.1)
    ingest = Ingest(httpx.Response(500))

    with pytest.raises(Unavailable, match="stays broken"):
        await post(ingest)

    assert len(ingest.bodies) == 8
