"""Bodies as clients send them, packed, cut, in chunks, with names twice: taken whole, or refused with what to do."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from backports import zstd

from shared.contracts.topics import FEEDBACK_EVENTS
from tests.shared.kafka.reading import mark, read
from tests.system.platform import Platform, Service
from tests.system.test_limits import NOT_JSON, idea

PACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


@pytest_asyncio.fixture
async def client(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(ingest, await platform.key("bodies")) as client:
        yield client


def lines(name: str, count: int = 3) -> list[bytes]:
    return [idea(f"{name}-{number}") + b"\n" for number in range(count)]


async def in_chunks(body: bytes, size: int = 50) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


@pytest.mark.parametrize("encoding", PACK)
async def test_packed_bodies_are_taken_in_one_piece_in_several_and_in_chunks(
    platform: Platform, client: httpx.AsyncClient, encoding: str
) -> None:
    pack, since, name = PACK[encoding], await mark(platform.kafka_settings, FEEDBACK_EVENTS), uuid4().hex
    headers, ndjson = {"content-encoding": encoding}, {"content-type": "application/x-ndjson"}

    answers = [
        await client.post("/v1/events", content=pack(idea(f"{name}-one")), headers=headers),
        await client.post("/v1/events", content=b"".join(map(pack, lines(name))), headers=headers | ndjson),
        await client.post("/v1/events", content=in_chunks(pack(b"".join(lines(f"{name}-chunks")))), headers=headers | ndjson),
        await client.post("/v1/events", content=in_chunks(b"[" + b",".join(lines(f"{name}-plain")) + b"]")),
    ]

    assert [(answer.status_code, answer.json()["accepted"]) for answer in answers] == [(202, 1), (202, 3), (202, 3), (202, 3)]
    stored = [id for record in await read(platform.kafka_settings, since) if (id := json.loads(record.value)["id"]).startswith(name)]
    assert len(set(stored)) == len(stored) == 10


@pytest.mark.parametrize(
    ("body", "encoding", "status", "detail"),
    [
        (gzip.compress(idea("cut"))[:-9], "gzip", 400, "the body ends in the middle of its gzip data"),
        (zstd.compress(idea("cut"))[:-9], "zstd", 400, "the body ends in the middle of its zstd data"),
        (gzip.compress(idea("1")) + b"{}", "gzip", 400, "the body is not gzip, although Content-Encoding says so"),
        (idea("plain"), "gzip", 400, "the body is not gzip, although Content-Encoding says so"),
        (gzip.compress(idea("other")), "zstd", 400, "the body is not zstd, although Content-Encoding says so"),
        (gzip.compress(idea("unsaid")), "identity", 400, NOT_JSON),
        (idea("br"), "br", 415, "this Content-Encoding is not taken; send the body as one of gzip, zstd, identity"),
        (b"twice", "gzip, gzip", 415, "this Content-Encoding is not taken; send the body as one of gzip, zstd, identity"),
    ],
)
async def test_what_is_not_packed_as_it_says_is_refused_with_what_to_send(
    client: httpx.AsyncClient, body: bytes, encoding: str, status: int, detail: str
) -> None:
    answer = await client.post("/v1/events", content=body, headers={"content-encoding": encoding})

    assert (answer.status_code, answer.json()["detail"]) == (status, detail)


async def test_of_a_name_that_comes_twice_the_last_counts(platform: Platform, client: httpx.AsyncClient) -> None:
    since, id = await mark(platform.kafka_settings, FEEDBACK_EVENTS), uuid4().hex
    twice = idea("not-this", "first").replace(b'"id": "not-this"', b'"id": "not-this", "id": "%s"' % id.encode())

    answer = await client.post("/v1/events", content=twice.replace(b'"text": "first"', b'"text": "first", "text": "last"'))

    stored = {event["id"]: event for record in await read(platform.kafka_settings, since) if (event := json.loads(record.value))}
    assert answer.status_code == 202, answer.text
    assert stored[id]["data"]["text"] == "last"
    assert "not-this" not in stored


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 9\r\ntransfer-encoding: chunked\r\n",
        b"content-length: 9\r\ncontent-length: 10\r\n",
        b"content-length: -1\r\n",
        b"content-length: nine\r\n",
    ],
)
async def test_a_head_that_two_servers_could_read_differently_is_400_and_ends_the_connection(
    ingest: Service, client: httpx.AsyncClient, head: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    authorization = b"authorization: " + client.headers["authorization"].encode() + b"\r\n"

    writer.write(b"POST /v1/events HTTP/1.1\r\nhost: x\r\n" + authorization + head + b"\r\n0\r\n\r\n{}")
    async with asyncio.timeout(10):
        told = await reader.read()

    writer.close()
    assert told.startswith(b"HTTP/1.1 400 ")


async def test_a_head_without_end_ends_the_connection(ingest: Service) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    written = 0

    writer.write(b"POST /v1/events HTTP/1.1\r\nx-long: ")
    async with asyncio.timeout(10):
        try:
            while written < 100_000_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
                written += 65_536
        except ConnectionError:
            pass

    writer.close()
    assert written < 20_000_000  # what the kernels of both sides hold
