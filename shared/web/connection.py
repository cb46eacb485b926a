"""A client's connection: uvicorn's own protocol, with less to do for each request.

uvicorn writes the head and the body of an answer one after the other, and uvloop hands each to the kernel at once: two system
calls, two packets, and a client that is woken twice. Here both leave together. And uvicorn makes a timer after each answer only to
cancel it at the next request, which costs as much as checking an event; here a connection has one that is moved.
"""

import asyncio
import math
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GATHERED_BYTES = 64 * 1024


class Connection(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # uvloop's is none of asyncio's
        super().connection_made(cast(asyncio.Transport, _Gathering(cast(asyncio.Transport, transport), self.loop)))
        self.loop = cast(asyncio.AbstractEventLoop, _OneTimer(self.loop))


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
        self._running = False
        self.create_task = loop.create_task

    def call_later(self, seconds: float, callback: Callable[[], None]) -> "_OneTimer":
        self._due = self._loop.time() + seconds
        self._callback = callback
        if not self._running:
            self._run()
        return self

    def cancel(self) -> None:
        self._due = math.inf

    def _run(self) -> None:
        self._running = True
        self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._running = False
        if self._due <= self._loop.time():
            self._callback()
        elif self._due < math.inf:
            self._run()
