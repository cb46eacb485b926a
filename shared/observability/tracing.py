"""The trace that an event belongs to, from the HTTP request over Kafka and the outbox to the webhook, and the spans along its way.

Carrying the trace on costs nothing and always happens; spans are recorded only while `shared.observability.export` has a recorder
running. What serves several events at once belongs to the trace of the first that is sampled, and is linked to the others.
Format: W3C Trace Context, `traceparent` = 00-<32 hex>-<16 hex>-<2 hex>, its last bit: sampled. https://www.w3.org/TR/trace-context/
Names and attributes of spans: https://opentelemetry.io/docs/specs/semconv/. No attribute holds anything personal, a secret or a tenant.
"""

import os
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Literal, Protocol, Self

HEADER = "traceparent"
_VALID = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ODD = frozenset(b"13579bdf")

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attributes = Mapping[str, str | int | float | bool]

current_traceparent: ContextVar[bytes | None] = ContextVar("current_traceparent", default=None)


def is_traceparent(context: bytes) -> bool:
    """Whether it has the form of one; what stands on Kafka may come from anybody."""
    return _VALID.fullmatch(context) is not None


def is_sampled(context: bytes | None) -> bool:
    """Whether it is a trace context and its spans are recorded."""
    return context is not None and context[-1:] != b"" and context[-1] in _ODD and is_traceparent(context)


def traceparent_from(header: bytes | None) -> bytes:
    """The caller's trace context when it is one, else the start of a new trace that nobody records."""
    if header is not None and _VALID.fullmatch(header):
        return header
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-00".encode()


def worth_following() -> str | None:
    """The current trace context when its spans are recorded: to be stored with what will be gone on with later."""
    context = current_traceparent.get()
    return context.decode() if context is not None and is_sampled(context) else None


class Span:
    """A piece of work under way. This class records nothing; a recorder's own one does.

    As a context manager it is what the code inside belongs to, and ends with it.
    """

    __slots__ = ("_token", "traceparent")

    def __init__(self, traceparent: bytes | None) -> None:
        self.traceparent = traceparent
        self._token: Token[bytes | None] | None = None

    def carries(self, context: bytes | None) -> bytes | None:
        """What to send on because of an event with this context: the span where it is in the same trace, else the context itself."""
        return context

    def rename(self, name: str) -> None:
        """What is known of its name only later."""

    def note(self, attributes: Attributes) -> None:
        """What is known only later."""

    def fail(self, kind: str) -> None:
        """It went wrong; `kind` names the error, never its text."""

    def end(self) -> None:
        """It is over."""

    def __enter__(self) -> Self:
        self._token = current_traceparent.set(self.traceparent)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        assert self._token is not None
        current_traceparent.reset(self._token)
        if kind is not None:
            self.fail(kind.__qualname__)
        self.end()


class Recorder(Protocol):
    """What records spans: shared.observability.otlp."""

    def start(self, name: str, kind: Kind, contexts: Iterable[bytes | None], attributes: Attributes) -> Span: ...


class _Recording:
    """The recorder of this process, None as long as nothing is recorded."""

    recorder: Recorder | None = None


def record_with(recorder: Recorder | None) -> None:
    """Record from now on; None: no longer."""
    _Recording.recorder = recorder


def recording() -> bool:
    """Whether spans are recorded at all: ask before collecting what only a span needs."""
    return _Recording.recorder is not None


def span(name: str, kind: Kind, contexts: Iterable[bytes | str | None], attributes: Attributes) -> Span:
    """Begin a piece of work that goes on with the events of `contexts`; without any it begins a trace."""
    known = (context.encode() if isinstance(context, str) else context for context in contexts)
    if _Recording.recorder is None:
        return Span(next((context for context in known if context is not None), None))
    return _Recording.recorder.start(name, kind, known, attributes)


def serving(method: str, header: bytes | None) -> Span:
    """Begin to serve a request that came with this `traceparent` header. Its name and route are told by `served`."""
    if _Recording.recorder is None:
        return Span(traceparent_from(header))
    context = header if header is not None and is_traceparent(header) else None
    return _Recording.recorder.start(method, "server", (context,), {"http.request.method": method})


def served(span: Span, method: str, route: str, status: int) -> None:
    """Note the answer to a request."""
    if not recording():
        return
    span.rename(f"{method} {route}")
    span.note({"http.route": route, "http.response.status_code": status})
    if status >= 500:
        span.fail(str(status))
