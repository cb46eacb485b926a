"""A receiver of webhooks on loopback, and what a service would know of its receivers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.delivery.delivery import Delivery, Outcome
from shared.delivery.guard import GuardedNetwork
from shared.delivery.loop import Send
from shared.delivery.webhook import WebhookSender, WebhookTarget

HANG = 0
"""As an answer's status: none is given."""

KEYS = (b"k" * 32, b"l" * 32)


@dataclass(frozen=True)
class Arrival:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    """On the event loop's clock."""

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers each path with its script of (status, headers), the last one again and again; 200 without one."""

    port: int
    scripts: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.path == path]

    def answers(self, path: str, *statuses: int, headers: dict[str, str] | None = None) -> None:
        self.scripts[path] = [(status, headers or {}) for status in statuses]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.in_flight -= 1

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.arrivals.append(Arrival(scope["path"], headers, body, asyncio.get_running_loop().time()))
        script = self.scripts.get(scope["path"], [(200, {})])
        status, more_headers = script.pop(0) if len(script) > 1 else script[0]
        if status == HANG:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        pairs = [(name.encode(), value.encode()) for name, value in more_headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def listening(certificate: Path | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine, behind TLS when it has a certificate."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        receiver = Receiver(sock.getsockname()[1])
        config = uvicorn.Config(
            receiver, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1, ssl_certfile=certificate
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([sock]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield receiver
        finally:
            server.should_exit = True
            await serving


class Known:
    """The receivers of a service: a name is a path of the one above; what it is told of attempts is kept."""

    def __init__(self, receiver: Receiver, names: Sequence[str]) -> None:
        self.network = GuardedNetwork(allow_private=True)
        self.webhooks = WebhookSender(self.network, utc_now)
        self.targets = {name: WebhookTarget(receiver.url(f"/{name}"), KEYS) for name in names}
        self.told: list[tuple[Delivery, Outcome]] = []

    async def sender(self, session: AsyncSession, delivery: Delivery) -> Send | None:
        target = self.targets.get(delivery.receiver)
        return None if target is None else partial(self.webhooks.send, target)

    async def attempted(self, session: AsyncSession, delivery: Delivery, outcome: Outcome) -> None:
        self.told.append((delivery, outcome))
