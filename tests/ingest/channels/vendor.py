"""A vendor on this machine: its adapter, and its server, which says what a test told it to say."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from hmac import digest
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn

from services.ingest.adapters.adapter import (
    Adapter,
    Answer,
    Call,
    ChannelEvent,
    Endpoint,
    Fetch,
    Form,
    Http,
    Outcome,
    Poll,
    Pulled,
    Request,
    Unreadable,
)
from services.ingest.adapters.forms import query
from services.ingest.adapters.node import json_body
from services.ingest.adapters.signatures import check_hmac
from shared.clock import utc_now

TAKEN = Answer(202, b"taken", "text/vnd.loopback")
KEPT = Answer(200, b"kept")


class Secrets(Form):
    """What signs."""

    secret: str


class Options(Form):
    """Where the server is, whether to poll it, and whether it publishes the key that it signs with."""

    server: str = "http://127.0.0.1:9"
    every_seconds: float | None = None
    published: bool = False
    strict: bool = True


def keys(request: Request, endpoint: Endpoint[Secrets, Options]) -> Call | None:
    """The published key."""
    return Call("GET", f"{endpoint.options.server}/key") if endpoint.options.published else None


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """`{things: [{id, text, channel?, phone?, post?, revision?}], fetches: {key: arguments}, once, confirm}`."""
    if request.method != "POST":
        return Outcome(answer=Answer(body=(query(request.url)["challenge"].text() or "").encode()))
    signers = [secrets.secret.encode() for secrets in endpoint.secrets] if request.keys is None else [request.keys]
    check_hmac(request.headers.get("x-signature"), request.body, signers)
    body = json_body(request.body)
    if body["garbled"].here and endpoint.options.strict:
        raise Unreadable("garbled is nothing that the vendor sends")
    fetches = [Fetch(key, arguments.value) for key, arguments in body["fetches"].members()]
    events = [_event(thing.value, request.at) for thing in body["things"]]
    return Outcome(events, TAKEN, fetches, body["once"].text(), body["confirm"].text(), body["passed_over"].value or {})


def _event(thing: Mapping[str, Any], at: datetime) -> ChannelEvent:
    data = {"channel": "social", "text": thing["text"]} | {name: thing[name] for name in ("channel", "revision") if name in thing}
    data |= {"customer": {"phone": thing["phone"]}} if "phone" in thing else {}
    return ChannelEvent("feedback.comment_posted.v1", thing["id"], at, data, thing.get("post"))


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """One page: `{things, next, cursor, existing, odd, garbled, poison}`; the arguments go along as they are."""
    asked = urlencode({"key": fetch.key, **fetch.arguments})
    page = json_body((await http(Call("GET", f"{endpoint.options.server}/page?{asked}"))).body)
    if page["poison"].here:
        raise ZeroDivisionError("a mistake of the adapter")
    if page["garbled"].here and endpoint.options.strict:
        raise Unreadable("garbled is nothing that the vendor sends")
    passed_over = {"unreadable": page["odd"].value} if page["odd"].here and endpoint.options.strict else {}
    then = None if page["next"].value is None else Fetch(fetch.key, {**fetch.arguments, "page": page["next"].value})
    events = [_event(thing.value, now) for thing in page["things"]]
    return Pulled(events, then, page["cursor"].value, page["existing"].value or {}, passed_over)


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """One, where it is wanted."""
    every = endpoint.options.every_seconds
    return [] if every is None else [Poll(Fetch("poll"), every)]


ADAPTER = Adapter(
    name="loopback", title="Loopback", secrets=Secrets, options=Options, receive=receive, setup=("Paste {url}", "Test: send something"),
    pull=pull, poll=poll, kept=KEPT, keys=keys,
)  # fmt: skip


def signed(body: bytes, secret: str = "s1") -> dict[str, str]:
    """The headers with which the vendor sends a body."""
    return {"x-signature": digest(secret.encode(), body, sha256).hex()}


@dataclass(frozen=True)
class Asked:
    """One request that reached the vendor."""

    path: str
    query: dict[str, str]
    at: datetime


Says = Callable[[Asked], tuple[int, Any] | None]
"""A status and JSON (or bytes), or None for no answer at all."""


@dataclass
class Vendor:
    """The server. Without a script it has nothing to tell."""

    port: int
    says: Says = lambda asked: (200, {})
    asked: list[Asked] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        asked = Asked(scope["path"], dict(parse_qsl(scope["query_string"].decode())), utc_now())
        self.asked.append(asked)
        said = self.says(asked)
        if said is None:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        status, content = said
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def selling() -> AsyncIterator[Vendor]:
    """A vendor on a free port of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        vendor = Vendor(listening.getsockname()[1])
        config = uvicorn.Config(vendor, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield vendor
        finally:
            server.should_exit = True
            await serving
