"""Limits as a client meets them on a running ingest: each with the text that says what to do; streams in bounded memory, rates."""

import asyncio
import gzip
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from backports import zstd

from shared.clock import utc_now
from tests.system.platform import Platform, Service

ROLES = ("events", "access")
PER_SECOND, OF_A_TENANT = 50_000, 60_000
PAUSE_SECONDS = 2
STREAM_BYTES = 48 * 1024 * 1024
ROOM_BYTES = 14 * 1024 * 1024
SEED = 20261122
NDJSON = {"content-type": "application/x-ndjson"}


@pytest_asyncio.fixture(scope="module")
async def limited(platform: Platform) -> AsyncIterator[Service]:
    """An ingest with the shipped limits, but for those that would take too long to reach."""
    limits = {"EVENTS_PER_SECOND_PER_KEY": PER_SECOND, "EVENTS_PER_SECOND_PER_TENANT": OF_A_TENANT, "BURST_SECONDS": 0.1,
              "BODY_TIMEOUT_SECONDS": PAUSE_SECONDS,
              "MAX_STREAM_BYTES": STREAM_BYTES, "BODIES_BYTES": ROOM_BYTES}  # fmt: skip
    more = {f"HEARBACK_INGEST_{name}": str(value) for name, value in limits.items()}
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


DEEP = b"[" * 100_000 + b"]" * 100_000
NOT_JSON = (
    "the body is not JSON, or nested far deeper than any event; send one event, an array, or one event a line as application/x-ndjson"
)
OVER: dict[str, tuple[bytes, dict[str, str], int, str, str]] = {
    "body": (b" " * 5_242_881, {}, 413, "body_too_large", "the body is larger than 5242880 bytes; send it in smaller parts"),
    "stream": (b" " * (STREAM_BYTES + 1), NDJSON, 413, "body_too_large",
               f"the body is larger than {STREAM_BYTES} bytes; send it in smaller parts"),
    "batch": (b"[" + b"{}," * 5000 + b"{}]", {}, 413, "too_many_events",
              "a request may hold 5000 events; send several requests, or any number as application/x-ndjson, one a line"),
    "item": (idea("long", "x" * 262_144), {}, 422, "no_valid_event", "this event is larger than 262144 bytes; shorten its texts"),
    "depth of an event": (idea("deep", "?").replace(b'"?"', b"[" * 250 + b"]" * 250), {}, 422, "no_valid_event",
                          "is nested far deeper than any event; send only the fields of its type"),
    "a level more than the type has": (idea("deeper", "?").replace(b'"?"', b'{"a": 1}'), {}, 422, "no_valid_event", "must be text"),
    "depth of a body": (DEEP, {}, 400, "unreadable", NOT_JSON),
    "depth of an event, far beyond": (b'{"data":' + DEEP + b"}", {}, 400, "unreadable", NOT_JSON),
    "ratio of gzip": (gzip.compress(bytes(4_000_000)), {"content-encoding": "gzip"}, 413, "packed_too_tightly",
                      "the body unpacks to more than 100 times its size; send it in smaller parts or less packed"),
    "ratio of zstd": (zstd.compress(bytes(4_000_000)), {"content-encoding": "zstd"}, 413, "packed_too_tightly",
                      "the body unpacks to more than 100 times its size; send it in smaller parts or less packed"),
}  # fmt: skip


@pytest.mark.parametrize("limit", OVER)
async def test_over_a_limit_the_answer_says_which_and_what_to_do(limited: Service, client: httpx.AsyncClient, limit: str) -> None:
    body, headers, status, kind, text = OVER[limit]
    before = most_memory(limited)

    answer = await client.post("/v1/events", content=body, headers=headers)

    problem = answer.json()
    told = [problem["detail"], *(error["msg"] for error in problem.get("errors", ()))]
    assert (answer.status_code, problem["type"]) == (status, f"urn:hearback:problem:{kind}")
    assert text in told
    assert most_memory(limited) - before < 40_000


async def test_a_body_that_pauses_too_long_is_408_and_too_many_large_ones_at_a_time_are_503(
    limited: Service, client: httpx.AsyncClient
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b" " * 65_536
        await asyncio.sleep(0.3)

    reader, writer = await asyncio.open_connection("127.0.0.1", limited.port)
    authorization = b"authorization: " + client.headers["authorization"].encode()
    writer.write(b"POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100001\r\n" + authorization + b"\r\n\r\n" + b" " * 100_000)
    answers = await asyncio.gather(*(client.post("/v1/events", content=slowly()) for _ in range(4)))
    async with asyncio.timeout(30):
        paused = (await reader.read()).decode()
    writer.close()

    busy = [answer for answer in answers if answer.status_code == 503]
    assert paused.startswith("HTTP/1.1 408 ")
    assert f"nothing came for {PAUSE_SECONDS} s; send the body without such pauses" in paused
    assert {answer.json()["detail"] for answer in busy} == {
        "too many large requests are being read at the same time; send the same request again later, or send smaller ones"
    }
    assert {answer.headers["retry-after"] for answer in busy} == {"5"}
    assert (await client.post("/v1/events", content=slowly())).json()["detail"] == "the body holds no event"


async def test_whoever_sends_too_fast_is_told_when_to_come_again_and_comes(platform: Platform, limited: Service) -> None:
    batch = b"[" + b",".join(idea(f"fast-{number}") for number in range(5000)) + b"]"
    async with platform.client(limited, await platform.key("too-fast")) as client:
        answers = await asyncio.gather(*(client.post("/v1/events", content=batch) for _ in range(8)))
        refused = [answer for answer in answers if answer.status_code == 429]
        await asyncio.sleep(int(refused[0].headers["retry-after"]))
        again = await client.post("/v1/events", content=idea("later"))

    assert {answer.status_code for answer in answers} == {202, 429}
    wait = refused[0].headers["retry-after"]
    assert refused[0].json()["detail"] == (
        f"this key sends more than {PER_SECOND} events a second; send the same request again after {wait} s, and slower from then on"
    )
    assert again.status_code == 202


async def test_all_keys_of_a_tenant_together_have_a_rate_too(platform: Platform, limited: Service) -> None:
    batch = b"[" + b",".join(idea(f"together-{number}") for number in range(5000)) + b"]"
    async with AsyncExitStack() as stack:
        keys = [await platform.key("together") for _ in range(6)]
        clients = [await stack.enter_async_context(platform.client(limited, key)) for key in keys]
        answers = await asyncio.gather(*(client.post("/v1/events", content=batch) for client in clients))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {202, 429}
    assert {(answer.json()["limit"], answer.json()["events_per_second"]) for answer in refused} == {("tenant", OF_A_TENANT)}
    assert all("this tenant sends more than 60000 events a second" in answer.json()["detail"] for answer in refused)
