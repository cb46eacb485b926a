"""Spans recorded with OpenTelemetry's SDK and sent by OTLP over HTTP. Imported only where traces are wanted: it is not small.

The SDK reads its own standard variables (endpoint, headers, sampler, resource, limits, queue). It sends from a thread of its own and
drops what its queue does not hold, so that no collector, however slow, is waited for.
"""

import threading
from collections.abc import Iterable

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as SdkSpan

from shared.errors import ConfigurationError
from shared.observability.tracing import Attributes, Kind, Span, is_sampled, is_traceparent

MOST_LINKS = 32
_KINDS: dict[Kind, SpanKind] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}


class RecordedSpan(Span):
    """A span that is sent when it has ended. Errors are recorded by their kind: their texts may hold what people wrote."""

    __slots__ = ("_span",)

    def __init__(self, span: SdkSpan, traceparent: bytes) -> None:
        super().__init__(traceparent)
        self._span = span

    def carries(self, context: bytes | None) -> bytes | None:
        """See Span."""
        assert self.traceparent is not None
        return self.traceparent if context is None or context[3:35] == self.traceparent[3:35] else context

    def rename(self, name: str) -> None:
        """See Span."""
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """See Span."""
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        """See Span."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """See Span."""
        self._span.end()


class OtlpRecorder:
    """The shared.observability.tracing.Recorder of a process."""

    def __init__(self, service: str) -> None:
        """Raises ConfigurationError when one of the SDK's variables cannot be read."""
        try:
            resource = Resource.create()
            if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
                resource = resource.merge(Resource({SERVICE_NAME: f"hearback-{service}"}))
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        except ValueError as refused:
            raise ConfigurationError(f"cannot start, correct a variable that begins with OTEL_: {refused}") from None
        self._tracer = self._provider.get_tracer("hearback")
        self._follows_parents = isinstance(self._provider.sampler, ParentBased)

    def start(self, name: str, kind: Kind, contexts: Iterable[bytes | None], attributes: Attributes) -> Span:
        """Begin a span in the trace of the first sampled context, linked to at most 32 others.

        Where none is sampled the first decides: by the usual samplers nothing is then recorded.
        """
        first, sampled = _sorted(contexts)
        if not sampled and first is not None and self._follows_parents:
            return Span(first)
        parent = sampled[0] if sampled else first
        begun = self._tracer.start_span(
            name,
            None if parent is None else set_span_in_context(NonRecordingSpan(_context(parent))),
            _KINDS[kind],
            attributes,
            [Link(_context(other)) for other in sampled[1:]],
            record_exception=False,
            set_status_on_exception=False,
        )
        made = begun.get_span_context()
        traceparent = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}".encode()
        return RecordedSpan(begun, traceparent) if begun.is_recording() else Span(traceparent)

    def close(self, seconds: float) -> None:
        """Send what is left, and wait at most so long for it. What a hung collector then still holds up ends with the process."""
        closing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(seconds)


def _sorted(contexts: Iterable[bytes | None]) -> tuple[bytes | None, list[bytes]]:
    """The first trace context that is one, and those that are sampled: each once, no more than are used."""
    first: bytes | None = None
    sampled: dict[bytes, None] = {}
    for context in contexts:
        if context is None:
            continue
        if is_sampled(context):
            sampled[context] = None
            if len(sampled) > MOST_LINKS:
                break
        elif first is None and is_traceparent(context):
            first = context
    return first, list(sampled)


def _context(traceparent: bytes) -> SpanContext:
    text = traceparent.decode()
    return SpanContext(int(text[3:35], 16), int(text[36:52], 16), is_remote=True, trace_flags=TraceFlags(int(text[53:55], 16)))
