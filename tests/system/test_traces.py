"""One complaint's way from its request to the receiver's webhook is one trace at a collector; a collector that hangs is not waited for."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.clock import utc_now
from shared.contracts.topics import ALERTS_EVENTS, CASES_EVENTS, FEEDBACK_EVENTS
from tests.shared.kafka.reading import mark, read
from tests.system.cases import until_cases
from tests.system.collector import Collector, SpanTold, collecting
from tests.system.platform import SERVICES, Platform, Service
from tests.system.receiver import Received

TENANT = "traced-tenant"
TRACE = "5b8efff798038103d269b633813fc60c"
CALLER = "eee19b7ec3c1b174"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
DEFAULT_PORT = 4318
"""Where a collector listens by OpenTelemetry's specification."""
POLICY = {"policies": [{"id": "quick", "default": True, "clocks": [{"kind": "first_response", "target_seconds": 1}]}]}
ROUTE = {"receiver": "default", "group_by": ["case"], "group_wait": "0s", "group_interval": "1s"}
PERSONAL = ("王小明", "c-4711", "mei@example.com", "Nobody answers", TENANT, "hb_", "whsec_")
WAY = ("POST /v1/events", "send feedback.events.v1", "process feedback.events.v1", "send cases.events.v1", "fire clocks",
       "process cases.events.v1", "tell alerts", "deliver webhook")  # fmt: skip
READERS = ("hearback-scoring", "hearback-closed_loop", "hearback-ingest")
"""Who reads what customers said: ingest asks some of them in a survey."""
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
HANGS_SECONDS = "60"
"""How long a process would wait for its collector, if nothing but OpenTelemetry's own limit held it back."""


def complaint(id: str) -> dict[str, Any]:
    customer = {"id": "c-4711", "name": "王小明", "email": "mei@example.com"}
    data = {"channel": "email", "text": "Nobody answers.", "severity": "high", "customer": customer}
    return {"type": "feedback.complaint_raised.v1", "id": id, "source": "/crm", "time": utc_now().isoformat(), "data": data}


async def ok(answer: httpx.Response) -> None:
    assert answer.is_success, answer.text


@dataclass(frozen=True)
class Traced:
    """The services, told to send their spans to `collector`; `variables` are what they were told with."""

    platform: Platform
    collector: Collector
    variables: Mapping[str, str]


@pytest_asyncio.fixture(scope="module")
async def traced(platform: Platform) -> AsyncIterator[Traced]:
    """Traced services in the place of those of other tests, which would take events away from them."""
    others = list(platform.services)
    await platform.stop_all()
    async with collecting() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        await asyncio.gather(*(platform.start(name, more=variables) for name in SERVICES))
        yield Traced(platform, collector, variables)
        await platform.stop_all()
    await asyncio.gather(*(service.start() for service in others))
    platform.services += others


async def test_the_way_of_a_complaint_is_one_trace(traced: Traced, receiver: Received) -> None:
    platform, collector = traced.platform, traced.collector
    key = await platform.key(TENANT)
    ingest, closed_loop, alerts = (platform.one(name) for name in ("ingest", "closed_loop", "alerts"))
    async with platform.client(ingest, key) as posting, platform.client(closed_loop, key) as loop, platform.client(alerts, key) as alarm:
        await ok(await loop.put("/v1/policies", json=POLICY))
        await ok(await alarm.put("/v1/receivers/default", json={"kind": "webhook", "url": receiver.url}))
        await ok(await alarm.put("/v1/routes", json=ROUTE))
        since = await mark(platform.kafka_settings, FEEDBACK_EVENTS, CASES_EVENTS, ALERTS_EVENTS)

        await ok(await posting.post("/v1/events", json=complaint("c-1"), headers=TRACEPARENT))
        headers, _ = await receiver.first("firing")
        await collector.until(*WAY, "send alerts.events.v1", trace=TRACE)
        await collector.until_services("process feedback.events.v1", *READERS, trace=TRACE)
    records = [record for record in await read(platform.kafka_settings, since) if json.loads(record.value)["tenant"] == TENANT]
    spans = [span for span in collector.spans if span.trace == TRACE]

    told = {span.name: span for span in spans}
    accepted = told["POST /v1/events"]
    [delivered] = [span for span in spans if headers["traceparent"] == f"00-{TRACE}-{span.id}-01"]
    assert (accepted.service, accepted.kind, accepted.parent) == ("hearback-ingest", SERVER, CALLER)
    assert accepted.attributes["http.response.status_code"] == "202"
    assert (told["send feedback.events.v1"].kind, told["send feedback.events.v1"].parent) == (PRODUCER, accepted.id)
    consumed = {span.service: span for span in spans if span.name == "process feedback.events.v1"}
    assert {(service, span.kind, span.parent) for service, span in consumed.items()} == {
        (service, CONSUMER, accepted.id) for service in READERS
    }
    assert told["fire clocks"].parent == consumed["hearback-closed_loop"].id
    assert consumed["hearback-closed_loop"].id in {span.parent for span in spans if span.name == "send cases.events.v1"}
    assert told["fire clocks"].id in {span.parent for span in spans if span.name == "process cases.events.v1"}
    assert (delivered.service, delivered.name, delivered.kind) == ("hearback-alerts", "deliver webhook", CLIENT)
    assert delivered.parent in {span.id for span in spans if span.name == "tell alerts"}
    assert {record.topic for record in records} == {FEEDBACK_EVENTS, CASES_EVENTS, ALERTS_EVENTS}
    for on_kafka in (dict(record.headers) for record in records):
        assert on_kafka["content-type"] == b"application/cloudevents+json"
        assert on_kafka["traceparent"].decode().split("-")[1] == TRACE
    nothing_personal(collector.spans)


async def test_many_complaints_in_one_batch_are_linked(traced: Traced) -> None:
    """They are posted while closed_loop does not run, so that it reads them together."""
    platform, collector = traced.platform, traced.collector
    traces = [f"{number:032x}" for number in range(0xABC0, 0xABC5)]
    key = await platform.key("linked-tenant")
    assert await platform.stop(platform.one("closed_loop")) == 0

    async with platform.client(platform.one("ingest"), key) as posting:
        for trace in traces:
            await ok(await posting.post("/v1/events", json=complaint(trace), headers={"traceparent": f"00-{trace}-{CALLER}-01"}))
    closed_loop = await platform.start("closed_loop", more=traced.variables)
    async with platform.client(closed_loop, key) as loop:
        await until_cases(loop, len(traces))
    for trace in traces:
        await collector.until("send cases.events.v1", "process cases.events.v1", trace=trace)
    assert await platform.stop(closed_loop) == 0

    batches = [span for span in collector.spans if (span.name, span.service) == ("process feedback.events.v1", "hearback-closed_loop")]
    led_to = {trace for span in batches for trace in (span.trace, *(of for of, _ in span.links))}
    assert led_to >= set(traces)
    assert any(span.links for span in batches)
    assert {span.trace for span in collector.spans if span.name == "send cases.events.v1"} >= set(traces), "each goes on in its own"


async def test_a_collector_that_never_answers_delays_neither_answers_nor_the_end(traced: Traced) -> None:
    platform = traced.platform
    async with collecting(answers=False) as collector:
        hanging = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": HANGS_SECONDS,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        ingest = await platform.start("ingest", more=hanging)
        async with platform.client(ingest, await platform.key(TENANT)) as posting:
            await ok(await posting.post("/v1/events", json=complaint("h-1"), headers=TRACEPARENT))
            await collector.until_asked()
            answers = [await posting.post("/v1/events", json=complaint(f"h-{n}"), headers=TRACEPARENT) for n in range(2, 30)]
            hung_all_the_while = not collector.gone_at
        code = await platform.stop(ingest)
        await collector.until_gone()

    assert {answer.status_code for answer in answers} == {202}
    assert hung_all_the_while
    assert code == 0
    [gone_at] = collector.gone_at
    assert gone_at - stopped_at(ingest) < timedelta(seconds=int(HANGS_SECONDS)) / 2


async def test_without_a_variable_nothing_is_sent_even_to_the_default_address(traced: Traced) -> None:
    platform = traced.platform
    try:
        async with collecting(port=DEFAULT_PORT) as collector:
            ingest = await platform.start("ingest")
            async with platform.client(ingest, await platform.key(TENANT)) as posting:
                await ok(await posting.post("/v1/events", json=complaint("o-1"), headers=TRACEPARENT))
            code = await platform.stop(ingest)  # what was recorded would be sent now at the latest
    except OSError as taken:
        pytest.skip(f"port {DEFAULT_PORT} is taken here: {taken}")

    assert code == 0
    assert collector.headers == []


def stopped_at(service: Service) -> datetime:
    """When a process said that its loops had ended."""
    lines = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    return datetime.fromisoformat([line["timestamp"] for line in lines if line["action"] == "stopped"][-1])


def nothing_personal(spans: list[SpanTold]) -> None:
    """No span of whatever trace holds a person, a text, a tenant or a secret."""
    said = " ".join(f"{span.name} {dict(span.attributes)}" for span in spans)
    assert not re.findall("|".join(map(re.escape, PERSONAL)), said)
