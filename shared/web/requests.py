"""The layer around every request: trace context, size limit, one log line, duration by route. Pure ASGI, so that it costs little."""

import time

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability.tracing import HEADER, current_traceparent, traceparent_from
from shared.web.problems import Problem

log = structlog.get_logger()
QUIET = {"/health/live", "/health/ready", "/metrics"}


class RequestMetrics:
    """Requests and their duration by route template, never by path: ids are not labels."""

    def __init__(self, service: str, registry: CollectorRegistry) -> None:
        self.requests = Counter(f"hearback_{service}_http_requests", "Answered requests.", ["route", "method", "status"], registry=registry)
        self.seconds = Histogram(f"hearback_{service}_http_request_seconds", "Time to answer.", ["route", "method"], registry=registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route, method).observe(seconds)


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


class RequestLayer:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        token = current_traceparent.set(traceparent_from(header(scope, HEADER.encode())).decode())
        status = 500

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            check_declared_length(scope, self._max_body_bytes)
            await self._app(scope, self._limited(receive), note_status)
        except BodyTooLarge as too_large:
            await too_large.response()(scope, receive, note_status)
        finally:
            self._tell(scope, status, time.perf_counter() - began)
            current_traceparent.reset(token)

    def _limited(self, receive: Receive) -> Receive:
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            return message

        return limited

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.answered(route, scope["method"], status, seconds)
        if route not in QUIET:
            log.info(
                "answered", action="request", route=route, method=scope["method"], status=status, milliseconds=round(seconds * 1000, 1)
            )
