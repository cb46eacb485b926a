"""Bodies are unpacked and held within limits."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.types import Message, Receive

from services.ingest.reading import Body, Room
from services.ingest.settings import IngestSettings
from shared.web.problems import Problem
from tests.ingest.bodies import Arriving, in_pieces

SETTINGS = IngestSettings(database_url=SecretStr("unused"), max_decompression_ratio=20, body_timeout_seconds=0.05)
MEGABYTE = 1024 * 1024
PACKED: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"zstd": zstd.compress}


async def read(receive: Receive, encoding: bytes | None = None, limit: int = MEGABYTE, room: Room | None = None) -> tuple[bytes, bool]:
    headers = {} if encoding is None else {b"content-encoding": encoding}
    return await Body(headers, await receive(), receive, SETTINGS, room or Room(MEGABYTE)).upto(limit)


async def refused(receive: Receive, encoding: bytes | None = None, **how: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        await read(receive, encoding, **how)
    return caught.value


@given(content=st.binary(max_size=2000), size=st.integers(1, 700), encoding=st.sampled_from([None, b"gzip", b"zstd"]))
def test_a_body_is_the_same_however_it_is_packed_and_cut(content: bytes, size: int, encoding: bytes | None) -> None:
    sent = content if encoding is None else PACKED[encoding](content)

    found = asyncio.run(read(in_pieces(sent, size), encoding))

    assert found == (content, True)


@pytest.mark.parametrize("encoding", PACKED)
async def test_members_or_frames_one_behind_the_other_are_one_body(encoding: bytes) -> None:
    pack = PACKED[encoding]

    content, whole = await read(in_pieces(pack(b"one ") + pack(b"") + pack(b"two"), 7), encoding)

    assert (content, whole) == (b"one two", True)


@pytest.mark.parametrize("name", [b"GZIP", b"x-gzip", b" gzip ", b"identity", b""])
async def test_the_names_of_encodings_are_taken_as_the_standard_has_them(name: bytes) -> None:
    sent = b"text" if name.strip() in (b"identity", b"") else gzip.compress(b"text")

    assert await read(in_pieces(sent, 50), name) == (b"text", True)


@pytest.mark.parametrize("name", [b"br", b"deflate", b"gzip, gzip", b"\xff"])
async def test_another_encoding_is_415_with_those_that_are_taken(name: bytes) -> None:
    problem = await refused(in_pieces(b"text", 50), name)

    assert (problem.status, problem.headers["Accept-Encoding"]) == (415, "gzip, zstd, identity")


@pytest.mark.parametrize("encoding", PACKED)
async def test_what_unpacks_to_too_many_times_its_size_is_refused_before_it_is_held(encoding: bytes) -> None:
    receive = Arriving([PACKED[encoding](bytes(50 * MEGABYTE))])
    room = Room(MEGABYTE)

    problem = await refused(receive, encoding, limit=100 * MEGABYTE, room=room)

    assert (problem.status, problem.kind) == (413, "packed_too_tightly")
    assert "20 times" in problem.detail
    assert room.held < 20 * 60_000 + 3 * 64 * 1024


@pytest.mark.parametrize("encoding", PACKED)
async def test_a_small_body_may_be_packed_as_tightly_as_it_likes(encoding: bytes) -> None:
    content = b"the same " * 5000

    assert await read(in_pieces(PACKED[encoding](content), 50), encoding) == (content, True)


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("spoilt", ["cut", "changed", "not packed"])
async def test_what_is_not_packed_as_it_says_is_400(encoding: bytes, spoilt: str) -> None:
    packed = PACKED[encoding](b"some content that is long enough to be cut " * 3)
    sent = {"cut": packed[:-9], "changed": b"\0" + packed[1:], "not packed": b'{"id": "1"}'}[spoilt]

    problem = await refused(in_pieces(sent, 11), encoding)

    assert (problem.status, problem.kind) == (400, "unreadable")
    assert encoding.decode() in problem.detail


async def test_a_window_larger_than_the_standard_allows_is_400() -> None:
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    sent = compressor.compress(bytes(range(256)) * 1000) + compressor.flush()

    problem = await refused(in_pieces(sent, 1000), b"zstd")

    assert problem.status == 400


async def test_a_body_beyond_its_limit_is_read_no_further() -> None:
    receive = Arriving([bytes(1000)] * 100)

    content, whole = await read(receive, limit=2500)

    assert (len(content), whole, receive.taken) == (3000, False, 3)


async def test_all_bodies_together_have_a_room_and_give_it_back() -> None:
    room = Room(2500)
    receive = Arriving([bytes(2000)])
    one = Body({}, await receive(), receive, SETTINGS, room)
    await one.upto(MEGABYTE)

    problem = await refused(Arriving([bytes(1000)]), room=room)
    one.close()
    another, _ = await read(Arriving([bytes(1000)]), room=room)

    assert (problem.status, problem.headers["Retry-After"]) == (503, "5")
    assert len(another) == 1000


async def test_a_body_that_stops_coming_is_408_and_one_that_has_not_begun_holds_nothing() -> None:
    first: asyncio.Queue[Message] = asyncio.Queue()
    first.put_nowait({"type": "http.request", "body": b"x", "more_body": True})

    problem = await refused(first.get)

    assert (problem.status, problem.headers["Connection"]) == (408, "close")


async def test_a_client_that_goes_away_in_between_is_400() -> None:
    assert (await refused(Arriving([b"x"], ends=False))).status == 400


def test_the_ratio_counts_what_was_sent_and_not_the_largest_member() -> None:
    tight = zlib.compressobj(9, wbits=31)
    member = tight.compress(bytes(60_000)) + tight.flush()

    problem = asyncio.run(refused(in_pieces(member * 5, 64), b"gzip"))

    assert problem.kind == "packed_too_tightly"
