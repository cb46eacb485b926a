"""Limits as a client meets them on a running ingest: streams in bounded memory, packed bodies, rates."""

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from backports import zstd

from shared.clock import utc_now
from tests.system.platform import Platform, Service

ROLES = ("events", "access")
PER_SECOND = 50_000
SEED = 20261122


@pytest_asyncio.fixture(scope="module")
async def limited(platform: Platform) -> AsyncIterator[Service]:
    """An ingest that takes 50,000 events a second of a key."""
    more = {"HEARBACK_INGEST_EVENTS_PER_SECOND_PER_KEY": str(PER_SECOND), "HEARBACK_INGEST_BURST_SECONDS": "0.1"}
    service = await platform.start("ingest", roles=ROLES, more=more)
    yield service
    await platform.stop(service)


@pytest_asyncio.fixture
async def client(platform: Platform, limited: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(limited, await platform.key("limits")) as client:
        yield client


def idea(id: str, text: str = "x") -> bytes:
    event = {"id": id, "type": "feedback.idea_submitted.v1", "time": utc_now().isoformat(), "data": {"channel": "web", "text": text}}
    return json.dumps(event).encode()


def most_memory(service: Service) -> int:
    """Kilobytes that the process has had at most."""
    status = Path(f"/proc/{service.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


async def stream(client: httpx.AsyncClient, name: str, count: int, *, packed: bool = False) -> httpx.Response:
    """Send so many events of 8 kB, one a line, as they are made."""

    print(f"seed {SEED}")
    chance = random.Random(SEED)

    async def pieces() -> AsyncIterator[bytes]:
        compressor = zstd.ZstdCompressor()
        for number in range(count):
            line = idea(f"{name}-{number}", chance.randbytes(4000).hex()) + b"\n"
            yield compressor.compress(line, compressor.FLUSH_BLOCK) if packed else line
        if packed:
            yield compressor.flush()

    headers = {"content-type": "application/x-ndjson", **({"content-encoding": "zstd"} if packed else {})}
    return await client.post("/v1/events", content=pieces(), headers=headers, timeout=60)


async def test_a_stream_of_forty_megabytes_is_stored_in_the_memory_that_one_of_eight_needs(
    limited: Service, client: httpx.AsyncClient
) -> None:
    await stream(client, "warm", 1000)
    before = most_memory(limited)

    answer = await stream(client, "long", 5000)

    assert (answer.status_code, answer.json()["accepted"], answer.json()["events"]) == (202, 5000, 5000)
    assert most_memory(limited) - before < 15_000


async def test_a_packed_stream_is_one_and_single_events_are_answered_while_it_runs(client: httpx.AsyncClient) -> None:
    running = asyncio.create_task(stream(client, "packed", 2000, packed=True))
    singles = 0
    while not running.done():
        single = await client.post("/v1/events", content=idea(f"single-{singles}"))
        assert single.status_code == 202
        singles += 1
    answer = await running

    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 2000
    assert singles > 1


async def test_what_unpacks_to_far_more_than_was_sent_is_413_and_says_what_to_do(client: httpx.AsyncClient) -> None:
    for pack in (gzip.compress, zstd.compress):
        encoding = "gzip" if pack is gzip.compress else "zstd"

        answer = await client.post("/v1/events", content=pack(bytes(4_000_000)), headers={"content-encoding": encoding})

        assert (answer.status_code, answer.json()["type"]) == (413, "urn:hearback:problem:packed_too_tightly")
        assert "send it in smaller parts" in answer.json()["detail"]


async def test_whoever_sends_too_fast_is_told_when_to_come_again_and_comes(platform: Platform, limited: Service) -> None:
    batch = b"[" + b",".join(idea(f"fast-{number}") for number in range(5000)) + b"]"
    async with platform.client(limited, await platform.key("too-fast")) as client:
        answers = await asyncio.gather(*(client.post("/v1/events", content=batch) for _ in range(8)))
        refused = [answer for answer in answers if answer.status_code == 429]
        await asyncio.sleep(int(refused[0].headers["retry-after"]))
        again = await client.post("/v1/events", content=idea("later"))

    assert {answer.status_code for answer in answers} == {202, 429}
    assert "events a second" in refused[0].json()["detail"]
    assert again.status_code == 202


async def test_nested_as_deep_as_it_fits_is_nothing_readable(client: httpx.AsyncClient) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000

    answers = [
        await client.post("/v1/events", content=body) for body in (b'{"data":' + deep + b"}", deep, b"[" + idea("1") + b"," + deep + b"]")
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
