"""The fast lane: `POST /v1/events` answered in front of the app, because the framework costs more than the work.

It does what the route in api.py does, through the same `Events.take`; everything else goes to the app behind it.
"""

import time

import structlog
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from services.ingest.events import Answer, Events
from shared.errors import Unavailable
from shared.observability.tracing import HEADER, Span, served, serving
from shared.web.access import Access, bearer_token
from shared.web.problems import MEDIA_TYPE, Problem, unavailable, unforeseen
from shared.web.requests import RequestMetrics

PATH = "/v1/events"
TRACE = HEADER.encode()
log = structlog.get_logger()


class FastLane:
    """The ASGI app that the server runs."""

    def __init__(self, app: ASGIApp, events: Events, access: Access, metrics: RequestMetrics) -> None:
        self._app = app
        self._events = events
        self._access = access
        self._metrics = metrics
        self._take = ServerErrorMiddleware(self._take_events, handler=unforeseen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
        else:
            await self._take(scope, receive, send)

    async def _take_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status, received = time.perf_counter(), 500, dict(scope["headers"])
        with serving("POST", received.get(TRACE)) as span:
            try:
                answer = await self._answer(received, receive, span)
                status = answer.status
            finally:
                served(span, "POST", PATH, status)
                self._metrics.answered(PATH, "POST", status, time.perf_counter() - began)
        headers = [(b"content-type", answer.media_type.encode()), (b"content-length", str(len(answer.body)).encode()), *answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, headers: dict[bytes, bytes], receive: Receive, span: Span) -> Answer:
        assert span.traceparent is not None
        try:
            authorization = headers.get(b"authorization")
            text = None if authorization is None else authorization.decode("latin-1")
            caller = self._access.known(bearer_token(text)) or await self._access.authenticate(text)
            return await self._events.take(caller, headers, receive, span.traceparent)
        except Problem as problem:
            return _answer_of(problem)
        except Unavailable as error:
            log.warning("events refused", action="events_refused", dependency=error.dependency, detail=error.detail)
            return _answer_of(unavailable(error))


def _answer_of(problem: Problem) -> Answer:
    return Answer(problem.status, problem.body(), MEDIA_TYPE, tuple((k.lower().encode(), v.encode()) for k, v in problem.headers.items()))
