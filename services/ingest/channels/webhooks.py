"""The URL that a vendor calls. Its proof is the adapter's matter; no key of ours is asked for."""

from fastapi import APIRouter, Request, Response

from services.ingest.adapters.adapter import Request as VendorRequest
from services.ingest.channels.receiving import Receiver
from shared.clock import Clock
from shared.observability.tracing import current_traceparent, traceparent_from

PATH = "/v1/channels/{channel}/{endpoint}"


def webhook_routes(receiver: Receiver, public_url: str, clock: Clock) -> APIRouter:
    """POST for what the vendor sends, GET and HEAD where it probes."""
    router = APIRouter(tags=["webhooks"])
    base = public_url.rstrip("/")

    async def receive(request: Request, channel: str, endpoint: str) -> Response:
        scope = request.scope
        query = scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        url = f"{base}{path}?{query}" if query else f"{base}{path}"
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        asked = VendorRequest(request.method, url, headers, await request.body(), clock())
        answer = await receiver.receive(channel, endpoint, asked, traceparent_from(current_traceparent.get()))
        return Response(answer.body, answer.status, headers={"content-type": answer.media_type})

    for method, what in (("POST", "A vendor's webhook"), ("GET", "A vendor's check of the address"), ("HEAD", "A vendor's probe")):
        name = f"{method.lower()}_webhook"
        router.add_api_route(PATH, receive, methods=[method], summary=what, name=name, operation_id=name, response_class=Response)
    return router
