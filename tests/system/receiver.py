"""A receiver of webhooks on this machine, real enough to count what it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.cli.stack.ports import free_port


class Received:
    """What the local receiver got: headers and body of each webhook."""

    def __init__(self) -> None:
        self.url = ""
        self.webhooks: list[tuple[dict[str, str], bytes]] = []

    async def first(self, status: str) -> tuple[dict[str, str], bytes]:
        """The first webhook of this status, as soon as it is there."""
        async with asyncio.timeout(30):
            while True:
                for headers, body in self.webhooks:
                    if json.loads(body)["status"] == status:
                        return headers, body
                await asyncio.sleep(0.05)


@asynccontextmanager
async def receiving() -> AsyncIterator[Received]:
    """A receiver on this machine."""
    received, port = Received(), free_port()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        received.webhooks.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", port)
    received.url = f"http://127.0.0.1:{port}/"
    yield received
    server.close()
    await server.wait_closed()
