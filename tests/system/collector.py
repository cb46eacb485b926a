"""An OpenTelemetry collector on this machine: takes spans by OTLP over HTTP, or takes the request and never answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from services.cli.stack.ports import free_port
from shared.clock import utc_now

ANSWER = ExportTraceServiceResponse().SerializeToString()
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode()


@dataclass(frozen=True)
class SpanTold:
    """A span as it came; ids are hexadecimal, `parent` is empty for the first of a trace, `links` are (trace, span)."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    links: frozenset[tuple[str, str]]
    attributes: Mapping[str, str]
    failed: bool


@dataclass
class Collector:
    """What was told so far. `gone_at`: when a client hung up that never got its answer."""

    url: str
    answers: bool
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[SpanTold] = field(default_factory=list)
    gone_at: list[datetime] = field(default_factory=list)

    async def until(self, *names: str, trace: str | None = None) -> list[SpanTold]:
        """The spans (of one trace), as soon as there is one of each of these names."""
        async with asyncio.timeout(20):
            while True:
                found = [span for span in self.spans if trace is None or trace in {span.trace, *(of for of, _ in span.links)}]
                if {span.name for span in found} >= set(names):
                    return found
                await asyncio.sleep(0.05)

    async def until_services(self, name: str, *services: str, trace: str) -> None:
        """Until each of these services has told a span of this name in the trace."""
        async with asyncio.timeout(20):
            while not {span.service for span in self.spans if (span.name, span.trace) == (name, trace)} >= set(services):
                await asyncio.sleep(0.05)

    async def until_asked(self) -> None:
        """Until the first request has come."""
        async with asyncio.timeout(20):
            while not self.headers:
                await asyncio.sleep(0.05)

    async def until_gone(self) -> None:
        """Until a client that never got its answer has hung up."""
        async with asyncio.timeout(20):
            while not self.gone_at:
                await asyncio.sleep(0.05)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
                self.spans += read_spans(await reader.readexactly(int(headers["content-length"])))
                self.headers.append({"request": head[0], **headers})
                if not self.answers:
                    await reader.read()
                    self.gone_at.append(utc_now())
                    break
                writer.write(HEAD + ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has gone
        writer.close()


def read_spans(body: bytes) -> list[SpanTold]:
    """The spans of one request."""
    request = ExportTraceServiceRequest.FromString(body)
    spans = []
    for sent in request.resource_spans:
        resource = {pair.key: pair.value.string_value for pair in sent.resource.attributes}
        for span in (span for scope in sent.scope_spans for span in scope.spans):
            attributes = {pair.key: pair.value.string_value or str(pair.value.int_value) for pair in span.attributes}
            links = frozenset((link.trace_id.hex(), link.span_id.hex()) for link in span.links)
            spans.append(
                SpanTold(resource["service.name"], span.name, span.kind, span.trace_id.hex(), span.span_id.hex(),
                         span.parent_span_id.hex(), links, attributes, span.status.code == span.status.STATUS_CODE_ERROR)
            )  # fmt: skip
    return spans


@asynccontextmanager
async def collecting(*, port: int | None = None, answers: bool = True) -> AsyncIterator[Collector]:
    """A collector on this machine. Raises OSError when the port is taken."""
    port = port or free_port()
    collector = Collector(f"http://127.0.0.1:{port}", answers)
    server = await asyncio.start_server(collector.take, "127.0.0.1", port)
    try:
        yield collector
    finally:
        server.close()
        await server.wait_closed()
