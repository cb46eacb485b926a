"""NDJSON of any length is taken as it arrives, in bounded memory, and its answer accounts for every line."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from services.ingest import stream
from services.ingest.events import Answer, Events
from services.ingest.reading import Body, Room
from services.ingest.stream import WINDOW_EVENTS, Lines
from shared.errors import Unavailable
from shared.web.access import Principal
from shared.web.problems import Problem
from tests.ingest.bodies import Arriving, in_pieces
from tests.ingest.partitions import PARTITIONS, Partitions
from tests.ingest.test_events import CALLER, SETTINGS, TRACE, events_on, idea, told

NDJSON = {b"content-type": b"application/x-ndjson"}
SMALL = SETTINGS.model_copy(update={"max_body_bytes": 1024, "stream_patience_seconds": 0.3})


def lines(*events: Any) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def ideas(count: int) -> bytes:
    return lines(*(idea(id=f"e-{number}") for number in range(count)))


async def take(events: Events, content: bytes, size: int = 1000, caller: Principal = CALLER, **headers: bytes) -> Answer:
    return await events.take(caller, {**NDJSON, **{k.encode(): v for k, v in headers.items()}}, in_pieces(content, size), TRACE)


async def test_every_line_of_a_long_body_is_stored_once_and_in_order_and_counted() -> None:
    log = Partitions()
    count = 3 * WINDOW_EVENTS + 7

    answer = told(await take(events_on(log, settings=SMALL), ideas(count), 777))

    assert answer == {"accepted": count, "duplicates": [], "rejected": [], "events": count, "duplicate_count": 0, "rejected_count": 0}
    assert sorted(json.loads(r.value)["id"] for r in log.records) == sorted(f"e-{number}" for number in range(count))


async def test_a_body_that_fits_into_a_request_is_answered_as_one() -> None:
    answer = told(await take(events_on(Partitions()), ideas(3)))

    assert answer == {"accepted": 3, "duplicates": [], "rejected": []}


async def test_more_lines_than_a_request_may_have_events_are_a_stream_too() -> None:
    answer = told(await take(events_on(Partitions()), ideas(60)))

    assert (answer["accepted"], answer["events"]) == (60, 60)


async def test_an_array_that_is_too_long_or_too_large_is_413_and_says_that_ndjson_may_be_longer() -> None:
    for content, headers in ((b"[" + b",".join([b"{}"] * 51) + b"]", {}), (b" " * 2000, {b"content-length": b"2000"})):
        with pytest.raises(Problem) as caught:
            await events_on(Partitions(), settings=SMALL).take(CALLER, headers, in_pieces(content, 500), TRACE)

        assert caught.value.status == 413
    with pytest.raises(Problem, match="application/x-ndjson"):
        await events_on(Partitions()).take(CALLER, {}, in_pieces(b"[" + b",".join([b"{}"] * 51) + b"]", 500), TRACE)


async def test_all_rejected_and_repeated_lines_are_counted_and_the_first_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LISTED", 2)
    events = events_on(Partitions(), settings=SMALL)
    content = lines(*(event for n in range(100) for event in (idea(id=f"e-{n}"), {"id": f"bad-{n}", "type": "nothing"})))
    await take(events, content)

    answer = told(await take(events, content))

    assert (answer["accepted"], answer["duplicate_count"], answer["rejected_count"], answer["events"]) == (100, 100, 100, 200)
    assert answer["duplicates"] == [0, 2]
    assert [(r["index"], r["id"]) for r in answer["rejected"]] == [(1, "bad-0"), (3, "bad-1")]


async def test_a_stream_in_which_nothing_is_valid_is_422_and_403_when_all_was_forbidden() -> None:
    events = events_on(Partitions(), settings=SMALL)
    for event, status in (({"type": "nothing"}, 422), (idea(tenant="umbrella"), 403)):
        with pytest.raises(Problem) as caught:
            await take(events, lines(*[event] * 60))

        assert caught.value.status == status


async def test_a_line_that_is_too_long_is_refused_alone_and_not_kept() -> None:
    long = idea(id="long", data={"channel": "phone", "text": "x" * 100_000})

    answer = told(await take(events_on(Partitions(), settings=SMALL), lines(idea(id="1"), long, idea(id="2"))))

    assert (answer["accepted"], [r["index"] for r in answer["rejected"]]) == (2, [1])
    assert "2048 bytes" in answer["rejected"][0]["errors"][0]["msg"]


async def test_ids_derived_from_an_idempotency_key_count_through_the_whole_stream() -> None:
    first, again = Partitions(), Partitions()
    content = lines(*[idea(id=...)] * 500)
    for log in (first, again):
        await take(events_on(log, settings=SMALL), content, **{"idempotency-key": b"import-7"})

    ids = {json.loads(record.value)["id"] for record in first.records}
    assert len(ids) == 500
    assert ids == {json.loads(record.value)["id"] for record in again.records}


async def test_nothing_is_read_while_the_log_does_not_acknowledge() -> None:
    log = Partitions()
    log.waits = asyncio.Event()
    arriving = Arriving(in_lines(5000))

    taking = asyncio.create_task(events_on(log, settings=SMALL).take(CALLER, NDJSON, arriving, TRACE))
    await asyncio.sleep(0.1)
    read_while_waiting = arriving.taken
    log.waits.set()
    answer = told(await taking)

    assert read_while_waiting <= WINDOW_EVENTS + 10
    assert answer["accepted"] == 5000


async def test_a_log_that_is_away_for_a_moment_is_waited_for_and_what_is_in_is_not_sent_again() -> None:
    log = Partitions()
    log.refused = {1}
    events = events_on(log, settings=SMALL.model_copy(update={"stream_patience_seconds": 30.0}))

    taking = asyncio.create_task(take(events, ideas(60)))
    await asyncio.sleep(0.05)
    log.refused = set()
    answer = told(await taking)

    assert (answer["accepted"], len(log.records)) == (60, 60)


async def test_a_log_that_stays_away_ends_the_stream_with_how_far_it_came() -> None:
    log = Partitions()
    log.refuses_after = 2 * WINDOW_EVENTS

    with pytest.raises(Problem) as caught:
        await take(events_on(log, settings=SMALL), ideas(3 * WINDOW_EVENTS))

    problem = caught.value
    assert (problem.status, problem.headers["Retry-After"]) == (503, "5")
    assert (problem.more["accepted"], problem.more["stored_before"]) == (2 * WINDOW_EVENTS, 2 * WINDOW_EVENTS)


async def test_a_client_that_breaks_off_learns_nothing_but_what_it_sent_whole_is_stored() -> None:
    log = Partitions()

    with pytest.raises(Problem) as caught:
        await events_on(log, settings=SMALL).take(CALLER, NDJSON, Arriving(in_lines(2 * WINDOW_EVENTS + 5), ends=False), TRACE)

    assert caught.value.status == 400
    assert len(log.records) == caught.value.more["accepted"] == 2 * WINDOW_EVENTS


async def test_a_stream_above_the_rate_is_read_more_slowly_and_not_refused() -> None:
    slow = SMALL.model_copy(update={"events_per_second_per_key": 2000.0, "burst_seconds": 0.1})

    answer = told(await take(events_on(Partitions(), settings=slow), ideas(1000)))

    assert answer["accepted"] == 1000


async def test_a_request_above_the_rate_is_429_and_stores_nothing() -> None:
    log = Partitions()
    slow = SETTINGS.model_copy(update={"events_per_second_per_key": 1.0, "burst_seconds": 3.0})
    events = events_on(log, settings=slow)
    await take(events, ideas(5))

    with pytest.raises(Problem) as caught:
        await take(events, ideas(1))

    assert caught.value.status == 429
    assert len(log.records) == 5


async def test_a_body_beyond_what_a_stream_may_have_is_413_with_what_is_stored() -> None:
    short = SMALL.model_copy(update={"max_stream_bytes": 100_000})

    with pytest.raises(Problem) as caught:
        await take(events_on(Partitions(), settings=short), ideas(1000))

    assert caught.value.status == 413
    assert caught.value.more["accepted"] > 0


async def test_memory_does_not_grow_with_the_length_of_a_stream() -> None:
    async def peak(count: int) -> int:
        log = Partitions()
        log.forgets = True
        tracemalloc.start()
        await events_on(log, settings=SMALL).take(CALLER, NDJSON, Arriving(in_lines(count)), TRACE)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    short, long = await peak(500), await peak(5000)

    assert long < short + 300_000, "a stream of 2 MB keeps its lines"


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_lines_are_the_same_however_the_body_is_cut(size: int) -> None:
    content = b"one\r\n\n  two \n\n\nthree"
    body = _body(content, size)

    found = []
    reading = Lines(b"", body, 100, 1000)
    while window := await reading.window():
        found += window

    assert found == [b"one", b"two", b"three"]


async def test_what_was_read_before_comes_first() -> None:
    reading = Lines(b"one\ntw", _body(b"o\nthree", 2), 100, 1000)

    assert await reading.window() == [b"one", b"two", b"three"]


def in_lines(count: int) -> Iterator[bytes]:
    """A message a line; made while they are asked for."""
    return (json.dumps(idea(id=f"e-{number}")).encode() + b"\n" for number in range(count))


def _body(content: bytes, size: int) -> Any:
    return Body({}, {"type": "http.request", "body": b"", "more_body": True}, in_pieces(content, size), SETTINGS, Room(10_000_000))


async def test_unavailable_is_not_raised_out_of_a_stream_as_it_is() -> None:
    log = Partitions()
    log.refused = set(range(PARTITIONS))

    with pytest.raises(Problem):
        await take(events_on(log, settings=SMALL), ideas(60))
    with pytest.raises(Unavailable):
        await take(events_on(log), ideas(1))
