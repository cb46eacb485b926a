"""What is recorded arrives at a collector, in the right trace, with nothing in it that it should not know."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.observability.otlp import MOST_LINKS, OtlpRecorder
from shared.observability.tracing import Span, current_traceparent, is_sampled, record_with, served, serving, span
from tests.system.collector import collecting


def context(number: int, flags: str = "01") -> bytes:
    return f"00-{number:032x}-{number:016x}-{flags}".encode()


@contextmanager
def recording_to(url: str, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Iterator[OtlpRecorder]:
    """A recorder that sends to `url`."""
    for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **variables}.items():
        monkeypatch.setenv(name, value)
    recorder = OtlpRecorder("test")
    record_with(recorder)
    yield recorder
    record_with(None)


async def test_a_span_goes_on_with_the_first_sampled_context_and_is_linked_to_a_bounded_number_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampled = [context(number) for number in range(1, MOST_LINKS + 10)]
    async with collecting() as collector:
        with recording_to(collector.url, monkeypatch) as recorder:
            with span("work", "consumer", [None, b"nonsense", context(999, "00"), sampled[0], *sampled], {"count": 3}) as work:
                inside = current_traceparent.get()
            await asyncio.to_thread(recorder.close, 10.0)

    [told] = collector.spans
    assert (told.service, told.name, told.kind, told.attributes) == ("hearback-test", "work", 5, {"count": "3"})
    assert (told.trace, told.parent) == (f"{1:032x}", f"{1:016x}")
    assert told.links == {(f"{number:032x}", f"{number:016x}") for number in range(2, MOST_LINKS + 2)}
    assert inside == work.traceparent == f"00-{told.trace}-{told.id}-01".encode()
    assert work.carries(sampled[0]) == work.traceparent
    assert work.carries(sampled[1]) == sampled[1]


async def test_what_the_caller_does_not_record_is_not_recorded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting() as collector:
        with recording_to(collector.url, monkeypatch) as recorder:
            with serving("POST", context(1, "00")) as unsampled:
                pass
            with serving("POST", context(2)) as sampled:
                pass
            await asyncio.to_thread(recorder.close, 10.0)

    assert unsampled.traceparent == context(1, "00")
    assert sampled.traceparent is not None and sampled.traceparent != context(2)
    assert [told.trace for told in collector.spans] == [f"{2:032x}"]


@pytest.mark.parametrize(("ratio", "spans"), [("0.0", 0), ("1.0", 1)])
async def test_the_sampler_decides_about_a_request_that_comes_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, ratio: str, spans: int
) -> None:
    variables = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio}
    async with collecting() as collector:
        with recording_to(collector.url, monkeypatch, **variables) as recorder:
            with serving("POST", None) as request:
                pass
            await asyncio.to_thread(recorder.close, 10.0)

    assert is_sampled(request.traceparent) is (spans == 1)
    assert len(collector.spans) == spans


async def test_an_error_is_told_by_its_kind_and_never_by_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting() as collector:
        with recording_to(collector.url, monkeypatch) as recorder:
            with pytest.raises(ValueError, match="王小明"), span("work", "internal", [], {}):
                raise ValueError("王小明")
            with serving("POST", None) as request:
                served(request, "POST", "/v1/events", 503)
            await asyncio.to_thread(recorder.close, 10.0)

    work, request_told = collector.spans
    assert (work.failed, work.attributes) == (True, {"error.type": "ValueError"})
    assert (request_told.failed, request_told.name) == (True, "POST /v1/events")
    assert request_told.attributes == {
        "http.request.method": "POST", "http.route": "/v1/events", "http.response.status_code": "503", "error.type": "503"
    }  # fmt: skip


async def test_headers_name_and_resource_are_those_of_the_standard_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"OTEL_SERVICE_NAME": "ours", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc"}
    async with collecting() as collector:
        with recording_to(collector.url, monkeypatch, **variables) as recorder:
            with span("work", "internal", [], {}):
                pass
            await asyncio.to_thread(recorder.close, 10.0)

    assert [told.service for told in collector.spans] == ["ours"]
    assert collector.headers[0]["request"] == "POST /v1/traces HTTP/1.1"
    assert collector.headers[0]["authorization"] == "Basic abc"


async def test_a_collector_that_never_answers_is_left_alone_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting(answers=False) as collector:
        with recording_to(collector.url, monkeypatch, OTEL_EXPORTER_OTLP_TIMEOUT="1") as recorder:
            with span("work", "internal", [], {}):
                pass
            await asyncio.to_thread(recorder.close, 0.3)
        given_up_while_it_hung = not collector.gone_at
        await collector.until_gone()  # the sending thread ends with its own request

    assert given_up_while_it_hung
    assert len(collector.headers) == 1


async def test_with_nobody_to_send_to_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording_to("http://127.0.0.1:1", monkeypatch, OTEL_BSP_MAX_QUEUE_SIZE="64", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="8") as recorder:
        spans = [span("work", "internal", [], {}) for _ in range(1000)]
        for one in spans:
            one.end()
        await asyncio.to_thread(recorder.close, 0.3)

    assert all(is_sampled(one.traceparent) and isinstance(one, Span) for one in spans)
