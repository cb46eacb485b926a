"""A client's connection: an answer leaves in one piece, a stream as it comes, nothing to who has gone; and it ends only when it is idle."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from shared.web import connection as of_clients
from shared.web.connection import GATHERED_BYTES, HEAD_BYTES, Connection

REQUEST = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"


class Wire(asyncio.Transport):
    """The kernel's side: what was handed to it, in which pieces."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def connect(
    length: int, answer: Callable[[Send], Awaitable[None]], *, idle_seconds: float = 5.0, reads: bool = False
) -> tuple[Connection, Wire]:
    """A connection to an app that answers each request so, with a body of this length; perhaps it reads what comes before."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while reads and (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % length)]})
        await answer(send)

    config = Config(app, log_config=None, lifespan="off", timeout_keep_alive=idle_seconds)  # type: ignore[arg-type]  # seconds, not only whole ones
    connection, wire = Connection(config, ServerState(), {}), Wire()
    connection.connection_made(wire)
    return connection, wire


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_head_and_body_leave_together() -> None:
    async def answer(send: Send) -> None:
        await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        await send({"type": "http.response.body", "body": b"y" * 900})

    connection, wire = connect(1000, answer)

    connection.data_received(REQUEST)
    await turns()

    assert len(wire.pieces) == 1
    assert wire.pieces[0].endswith(b"\r\n\r\n" + b"x" * 100 + b"y" * 900)


async def test_what_is_streamed_does_not_wait_for_its_end() -> None:
    first_half_sent, go_on = asyncio.Event(), asyncio.Event()

    async def answer(send: Send) -> None:
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        first_half_sent.set()
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"y" * 100_000})

    connection, wire = connect(200_000, answer)

    connection.data_received(REQUEST)
    await first_half_sent.wait()
    await turns()
    half = b"".join(wire.pieces)
    go_on.set()
    await turns()

    assert half.endswith(b"x" * 100_000)
    assert b"".join(wire.pieces) == half + b"y" * 100_000


async def test_much_is_handed_on_at_once_instead_of_being_gathered() -> None:
    held: list[int] = []

    async def answer(send: Send) -> None:
        for _ in range(20):
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            held.append(sum(map(len, wire.pieces)))
        await send({"type": "http.response.body"})

    connection, wire = connect(200_000, answer)

    connection.data_received(REQUEST)
    await turns()

    assert all(10_000 * number - handed_on <= GATHERED_BYTES for number, handed_on in enumerate(held, 1))
    assert sum(map(len, wire.pieces)) > 200_000


async def test_nothing_is_written_when_the_connection_has_ended_meanwhile() -> None:
    answered = asyncio.Event()

    async def answer(send: Send) -> None:
        await send({"type": "http.response.body", "body": b"x" * 1000})
        wire.close()
        answered.set()

    connection, wire = connect(1000, answer)

    connection.data_received(REQUEST)
    await answered.wait()
    await turns()

    assert wire.pieces == []


async def test_an_answer_before_the_end_of_the_connection_still_leaves() -> None:
    async def answer(send: Send) -> None:
        await send({"type": "http.response.body", "body": b"x" * 1000})

    connection, wire = connect(1000, answer)

    connection.data_received(REQUEST.replace(b"host: test", b"host: test\r\nconnection: close"))
    await turns()

    assert b"".join(wire.pieces).endswith(b"x" * 1000)
    assert wire.closed


async def test_a_connection_ends_when_it_was_idle_and_not_while_requests_come() -> None:
    async def answer(send: Send) -> None:
        await send({"type": "http.response.body", "body": b"x" * 1000})

    connection, wire = connect(1000, answer, idle_seconds=0.5)

    for _ in range(8):
        connection.data_received(REQUEST)
        await asyncio.sleep(0.1)
    open_while_busy = not wire.closed
    await asyncio.sleep(0.6)

    assert open_while_busy and len(wire.pieces) == 8
    assert wire.closed


async def test_a_connection_does_not_end_while_its_request_is_answered() -> None:
    pauses = [0.0, 0.5]

    async def answer(send: Send) -> None:
        await asyncio.sleep(pauses.pop(0))
        await send({"type": "http.response.body", "body": b"x" * 1000})

    connection, wire = connect(1000, answer, idle_seconds=0.2)

    connection.data_received(REQUEST)
    await asyncio.sleep(0.1)
    connection.data_received(REQUEST)
    await asyncio.sleep(0.4)
    open_meanwhile = not wire.closed
    await asyncio.sleep(0.5)

    assert open_meanwhile
    assert b"".join(wire.pieces).endswith(b"x" * 1000)
    assert b"".join(wire.pieces).count(b"HTTP/1.1 200") == 2
    assert wire.closed


async def nothing(send: Send) -> None:
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nhost: te", b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\n"])
async def test_a_connection_that_stops_in_the_middle_of_a_request_is_ended(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(of_clients, "UNFINISHED_SECONDS", 0.2)
    connection, wire = connect(0, nothing, idle_seconds=0.2, reads=True)

    if sent:
        connection.data_received(sent)
    await asyncio.sleep(0.1)
    open_first = not wire.closed
    await asyncio.sleep(0.2)

    assert open_first
    assert wire.closed


async def test_a_connection_whose_request_goes_on_is_not_and_nor_is_one_that_we_let_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_clients, "UNFINISHED_SECONDS", 0.2)
    go_on = asyncio.Event()

    async def later(send: Send) -> None:
        await go_on.wait()
        await nothing(send)

    dripping, drips = connect(0, nothing, reads=True)
    waiting, waits = connect(0, later)

    waiting.data_received(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\n")
    waiting.flow.read_paused = True
    for piece in (b"POST / HTTP/1.1\r\n", b"host: test\r\n", b"content-length: 2\r\n\r\n", b"a", b"b"):
        dripping.data_received(piece)
        await asyncio.sleep(0.1)
    waiting.flow.read_paused = False
    go_on.set()
    await turns()

    assert not drips.closed and not waits.closed
    assert b"200 OK" in b"".join(drips.pieces)
    assert b"200 OK" in b"".join(waits.pieces)


async def test_an_idle_connection_ends_as_soon_after_a_request_that_came_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    connection, wire = connect(0, nothing, idle_seconds=0.2)

    await asyncio.sleep(0.15)
    for piece in (REQUEST[:9], REQUEST[9:]):
        connection.data_received(piece)
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)

    assert wire.closed


async def test_a_head_without_end_is_431_and_the_connection_ends() -> None:
    connection, wire = connect(0, nothing)

    connection.data_received(b"GET / HTTP/1.1\r\n")
    for _ in range(HEAD_BYTES // 1000 + 1):
        if not wire.closed:
            connection.data_received(b"x-more: " + b"x" * 990 + b"\r\n")

    head, _, body = b"".join(wire.pieces).partition(b"\r\n\r\n")
    assert wire.closed
    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["type"] == "urn:hearback:problem:head_too_large"
