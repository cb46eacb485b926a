"""A client's connection: uvicorn's own protocol, with less to do for each request.

uvicorn writes the head and the body of an answer one after the other, and uvloop hands each to the kernel at once: two system
calls, two packets, and a client that is woken twice. Here both leave together. And uvicorn makes a timer after each answer only to
cancel it at the next request, which costs as much as checking an event; here a connection has one that is moved.

And uvicorn waits without end, and with all it is sent in memory, for a head or a body that never becomes whole. Here the same timer
ends a connection that stops in the middle of a request, and a head has a limit.
"""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.web.problems import MEDIA_TYPE, Problem

GATHERED_BYTES = 64 * 1024
HEAD_BYTES = 64 * 1024
"""What a request's line and headers may have, beside the first bytes of them that came together."""
UNFINISHED_SECONDS = 60.0
"""How long the next bytes of a request that has begun may let themselves be waited for. A service's own limits are shorter."""


class Connection(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    _begun: object = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # uvloop's is none of asyncio's
        super().connection_made(cast(asyncio.Transport, _Gathering(cast(asyncio.Transport, transport), self.loop)))
        self.loop = cast(asyncio.AbstractEventLoop, _OneTimer(self.loop))
        self._end_after(self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.scope is not self.scope:  # the last is a next request whose head has begun
            self._unfinished(len(data), in_head=cycle is None or cycle.scope is not self.scope)

    def _unfinished(self, size: int, *, in_head: bool) -> None:
        if in_head:
            self._head_bytes = self._head_bytes + size if self.scope is self._begun else 0
            self._begun = self.scope
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()
        self._end_after(UNFINISHED_SECONDS)

    def _end_after(self, seconds: float) -> None:
        """End the connection unless something comes before."""
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        if self.flow.read_paused:  # it is we who let the client wait
            self._end_after(UNFINISHED_SECONDS)
        else:
            super().timeout_keep_alive_handler()


def _answer(problem: Problem) -> bytes:
    body = problem.body()
    head = f"HTTP/1.1 {problem.status} \r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


_HEAD_TOO_LARGE = _answer(
    Problem(431, "head_too_large", f"the request's line and headers are larger than {HEAD_BYTES} bytes; send less of them")
)


class _Gathering:
    """The transport, as far as uvicorn uses it; what is written waits for the end of the event loop's turn, or for 64 KiB."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0
        self.get_extra_info = transport.get_extra_info
        self.is_closing = transport.is_closing
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > GATHERED_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data, self._parts, self._size = b"".join(self._parts), [], 0
        if data and not self._transport.is_closing():
            self._transport.write(data)


class _OneTimer:
    """The event loop, as far as uvicorn uses it for a connection: tasks, and the timer that ends one that is idle."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due = math.inf
        self._rings_at = math.inf
        self._handle: asyncio.TimerHandle | None = None
        self.create_task = loop.create_task

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "_OneTimer":
        self._due = self._loop.time() + seconds
        self._callback = callback
        if self._due < self._rings_at:
            self._run()
        return self

    def cancel(self) -> None:
        self._due = math.inf

    def _run(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._rings_at = self._due
        self._handle = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._rings_at = math.inf
        if self._due <= self._loop.time():
            self._callback()
        elif self._due < math.inf:
            self._run()
