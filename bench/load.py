"""The load tool: closed-loop HTTP/1.1 connections on uvloop, each sending its next request when its answer is there."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import cast


@dataclass(frozen=True)
class Load:
    """What one round found: so many answers in so many seconds, and the latency of the 99th percentile in milliseconds."""

    answers: int
    seconds: float
    p99_ms: float


class _Connection(asyncio.Protocol):
    def __init__(self, next_request: Callable[[], bytes], until: float, done: "asyncio.Future[None]") -> None:
        self._next_request, self._until, self._done = next_request, until, done
        self._buffer = b""
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none of asyncio's
        self._send()

    def _send(self) -> None:
        request = self._next_request()
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._done.set_exception(RuntimeError(f"refused: {head[:60]!r} {body[:300]!r}"))
            self._transport.close()
            return
        self._buffer = b""
        now = time.perf_counter()
        self.latencies.append(now - self._began)
        if now < self._until:
            self._send()
        else:
            self._transport.close()
            self._done.set_result(None)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


async def run(port: int, next_request: Callable[[], bytes], connections: int, seconds: float) -> Load:
    """Load 127.0.0.1:`port` for `seconds`. Raises RuntimeError at the first answer that is not 202."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    all_done = [loop.create_future() for _ in range(connections)]
    protocols = []
    for done in all_done:
        _, protocol = await loop.create_connection(partial(_Connection, next_request, began + seconds, done), "127.0.0.1", port)
        protocols.append(protocol)
    await asyncio.gather(*all_done)
    latencies = [latency for protocol in protocols for latency in protocol.latencies]
    return Load(len(latencies), time.perf_counter() - began, 1000 * quantiles(latencies, n=100)[98])
