"""The layer around every request: trace context, size limit, one log line, duration by route. Pure ASGI, so that it costs little."""

import time
from collections.abc import Mapping

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.tracing import HEADER, Span, served, serving, traceparent_from
from shared.web.problems import Problem

log = structlog.get_logger()
QUIET = {"/health/live", "/health/ready", "/metrics"}


class RequestMetrics:
    """Requests and their duration by route template, never by path: ids are not labels."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self.requests = Counter(f"hearback_{service}_http_requests", "Answered requests.", ["route", "method", "status"], registry=registry)
        self.seconds = Histogram(f"hearback_{service}_http_request_seconds", "Time to answer.", ["route", "method"], registry=registry)

        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        children = self._children.get((route, method, status))
        if children is None:
            children = (self.requests.labels(route, method, str(status)), self.seconds.labels(route, method))
            self._children[route, method, status] = children
        children[0].inc()
        children[1].observe(seconds)


class BodyTooLarge(Problem):
    """413, raised while the body is being read."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, "body_too_large", f"the body is larger than {limit} bytes; send it in smaller parts")


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of one request header, None when it was not sent."""
    return next((value for key, value in scope["headers"] if key == name), None)


def check_declared_length(scope: Scope, limit: int) -> None:
    """Raise BodyTooLarge before a byte is read when the client announces too much."""
    declared = header(scope, b"content-length")
    if declared is not None and (not declared.isdigit() or int(declared) > limit):
        raise BodyTooLarge(limit)


class _Exchange:
    """One request and its answer. When the body turns out too large, what the app makes of that (FastAPI: a 400) is replaced."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._taken = 0
        self.status = 500
        self.started = False
        self.too_large = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > self._limit:
            self.too_large = True  # not the error itself: with its traceback it would keep the body for long
            raise BodyTooLarge(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self.too_large and not self.started:
            return
        if message["type"] == "http.response.start":
            self.status, self.started = message["status"], True
        await self._send(message)

    async def refuse(self, scope: Scope) -> None:
        answer = BodyTooLarge(self._limit)
        self.status = answer.status
        await answer.response()(scope, self._receive, self._send)


class RequestLayer:
    """Wraps the app. `large_bodies` are limits of paths that take files."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, max_body_bytes: int, large_bodies: Mapping[str, int]) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._large_bodies = large_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = header(scope, HEADER.encode())
        with Span(traceparent_from(trace)) if scope["path"] in QUIET else serving(scope["method"], trace) as span:
            limit = self._large_bodies.get(scope["path"], self._max_body_bytes)
            await self._serve(scope, _Exchange(receive, send, limit), limit, span)

    async def _serve(self, scope: Scope, exchange: _Exchange, limit: int, span: Span) -> None:
        began = time.perf_counter()
        try:
            check_declared_length(scope, limit)
            await self._app(scope, exchange.receive, exchange.send)
        except BodyTooLarge:
            exchange.too_large = True
        finally:
            if exchange.too_large and not exchange.started:
                await exchange.refuse(scope)
            route = getattr(scope.get("route"), "path", "unmatched")
            served(span, scope["method"], route, exchange.status)
            self._tell(scope, route, exchange.status, time.perf_counter() - began)

    def _tell(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        self._metrics.answered(route, scope["method"], status, seconds)
        if route not in QUIET:
            log.info(
                "answered", action="request", route=route, method=scope["method"], status=status, milliseconds=round(seconds * 1000, 1)
            )
