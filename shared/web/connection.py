"""A client's connection: uvicorn's own protocol, but what it writes in one go leaves in one system call.

uvicorn writes the head and the body of an answer one after the other, and uvloop hands each to the kernel at once: two system
calls, two packets, and a client that is woken twice.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GATHERED_BYTES = 64 * 1024


class Connection(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # uvloop's is none of asyncio's
        super().connection_made(cast(asyncio.Transport, _Gathering(cast(asyncio.Transport, transport), self.loop)))


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
