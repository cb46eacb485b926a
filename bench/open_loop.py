"""Requests at a given rate, whatever the answers do: what waits for a free connection waits visibly, from when it should have been sent."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import cast


class OpenLoop:
    """HTTP/1.1 connections to one server that share the requests; enough of them that each sends several a second, or they are closed."""

    def __init__(self, port: int, connections: int) -> None:
        self._port, self._connections = port, connections
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._idle: deque[_Connection] = deque()
        self._open = 0
        self._all_answered = asyncio.Event()
        self._refused: str | None = None
        self.waits: list[float] = []
        """Seconds from when each request of the last `send` was due to its answer, in their order."""
        self._began = self._per_second = 0.0

    async def send(self, requests: Sequence[bytes], per_second: float) -> float:
        """Send them evenly and wait for the answers. Returns the loop's time of the first; the n-th is due n / per_second after it.

        Raises RuntimeError when an answer was not 202.
        """
        loop = asyncio.get_running_loop()
        for _ in range(self._connections):
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
            self._idle.append(connection)
        self._open = len(requests)
        self.waits = [0.0] * len(requests)
        self._all_answered.clear()
        began, sent = loop.time(), 0
        self._began, self._per_second = time.perf_counter(), per_second  # uvloop's own time has a resolution of a millisecond
        while sent < len(requests):
            due = min(len(requests), int((time.perf_counter() - self._began) * per_second) + 1)
            for place, request in enumerate(requests[sent:due], start=sent):
                self._take(place, request)
            sent = due
            await asyncio.sleep(max(0.0, sent / per_second - (time.perf_counter() - self._began)))
        async with asyncio.timeout(30):
            await self._all_answered.wait()
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._refused is not None:
            raise RuntimeError(self._refused)
        return began

    def _take(self, place: int, request: bytes) -> None:
        if self._idle:
            self._idle.popleft().write(place, request)
        else:
            self._waiting.append((place, request))

    def answered(self, connection: "_Connection", head: bytes) -> None:
        """One answer is complete."""
        if not head.startswith(b"HTTP/1.1 202"):
            self._refused = f"refused: {head[:300]!r}"
        self.waits[connection.place] = time.perf_counter() - self._began - connection.place / self._per_second
        self._open -= 1
        if self._waiting:
            connection.write(*self._waiting.popleft())
        else:
            self._idle.append(connection)
        if not self._open:
            self._all_answered.set()


class _Connection(asyncio.Protocol):
    def __init__(self, loop: OpenLoop) -> None:
        self._loop = loop
        self._buffer = b""
        self.place = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's

    def write(self, place: int, request: bytes) -> None:
        self.place = place
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        if separator and len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0]):
            self._buffer = b""
            self._loop.answered(self, head)
