"""The URL that a vendor calls. Its proof is the adapter's matter; no key of ours is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from services.ingest.adapters.adapter import Request as VendorRequest
from services.ingest.channels.receiving import Receiver
from services.ingest.channels.shares import Shares
from services.ingest.reading import Room
from services.ingest.settings import IngestSettings
from shared.clock import Clock
from shared.observability.tracing import current_traceparent, traceparent_from
from shared.web.problems import Problem

PATH = "/v1/channels/{channel}/{endpoint}"


def webhook_routes(receiver: Receiver, settings: IngestSettings, clock: Clock) -> APIRouter:
    """POST for what the vendor sends, GET and HEAD where it probes. All bodies together have a room in memory, each endpoint's a part of
    it; of a request to an address that is none, or that comes too fast, no body is read."""
    router = APIRouter(tags=["webhooks"])
    base = settings.public_url.rstrip("/")
    shares = Shares(settings)

    async def receive(request: Request, channel: str, endpoint: str) -> Response:
        found = await receiver.endpoint(channel, endpoint)
        with receiver.refusals(found), shares.of(found.id) as share:
            async with _body(request, share.room, settings.body_timeout_seconds) as body, share.turn():
                answer = await receiver.receive(found, asked(request, body), traceparent_from(current_traceparent.get()))
        return Response(answer.body, answer.status, headers={"content-type": answer.media_type})

    def asked(request: Request, body: bytes) -> VendorRequest:
        scope = request.scope
        query = scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        url = f"{base}{path}?{query}" if query else f"{base}{path}"
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        return VendorRequest(request.method, url, headers, body, clock())

    for method, what in (("POST", "A vendor's webhook"), ("GET", "A vendor's check of the address"), ("HEAD", "A vendor's probe")):
        name = f"{method.lower()}_webhook"
        router.add_api_route(PATH, receive, methods=[method], summary=what, name=name, operation_id=name, response_class=Response)
    return router


@asynccontextmanager
async def _body(request: Request, room: Room, seconds: float) -> AsyncIterator[bytes]:
    """The whole body, which has its room until the request is answered. Raises Problem 503 without room, 408 when it comes too slowly, 400
    when it ends too early."""
    parts: list[bytes] = []
    held = 0
    try:
        try:
            async with asyncio.timeout(seconds):
                async for part in request.stream():
                    room.take(len(part))
                    held += len(part)
                    parts.append(part)
        except TimeoutError:
            raise Problem(408, "body_too_slow", f"the body took longer than {seconds:g} s", headers={"Connection": "close"}) from None
        except ClientDisconnect:
            raise Problem(400, "body_broken_off", "the connection ended before the body did") from None
        yield b"".join(parts)
    finally:
        room.give_back(held)
