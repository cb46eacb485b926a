"""closed_loop as a process: events through Kafka, timers at their instant, announcements on the topic. Kills are in tests/faults."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.closed_loop.domain.case import case_id
from shared.contracts.decoding import Event, decode
from shared.contracts.topics import CASES_EVENTS, FEEDBACK_EVENTS
from tests.closed_loop.cases.world import policies, utc_now
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import Mark, mark, read
from tests.system.platform import Platform, Service
from tests.system.traffic import post_until_accepted

SECOND = timedelta(seconds=1)
SOURCE = "/test"


@pytest_asyncio.fixture(scope="module")
async def stage(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Platform, Service, Service]]:
    """Ingest and closed_loop, one process each."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("closed_loop"))
    await platform.prepare("ingest", "closed_loop")
    ingest, closed_loop = await platform.start("ingest"), await platform.start("closed_loop")
    await platform.has_read("closed_loop", await mark(platform.kafka_settings, FEEDBACK_EVENTS), 90)  # what other tests left there
    yield platform, ingest, closed_loop
    await platform.stop_all()


def complaint(id: str) -> dict[str, Any]:
    data = {"channel": "phone", "text": "late again", "customer": {"id": f"c-{id}"}}
    return {"id": id, "source": SOURCE, "type": "feedback.complaint_raised.v1", "time": utc_now().isoformat(), "data": data}


def reply(id: str, case: str, at: datetime) -> dict[str, Any]:
    data = {"channel": "phone", "by": "human", "public": True, "case": case, "text": "on its way"}
    return {"id": id, "source": SOURCE, "type": "interaction.replied.v1", "time": at.isoformat(), "data": data}


async def announced(platform: Platform, since: Mark, tenant: str) -> list[Event]:
    """What is on the topic about a tenant, in its order, the bytes that came twice left out."""
    records = await read(platform.kafka_settings, since)
    events = [decode(record.value) for record in records]
    return list({one.id: one for one in events if one.tenant == tenant}.values())


async def until(found: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await found():
            await asyncio.sleep(0.2)


async def configured(client: httpx.AsyncClient, seconds: float) -> None:
    answer = await client.put("/v1/policies", json=policies(seconds).model_dump(mode="json"))
    assert answer.status_code == 200, answer.text


async def test_a_clock_of_three_seconds_breaches_at_its_instant_and_an_early_reply_takes_it_back(
    stage: tuple[Platform, Service, Service],
) -> None:
    platform, ingest, closed_loop = stage
    key, since = await platform.key("loop"), await mark(platform.kafka_settings, CASES_EVENTS)
    case = case_id("loop", SOURCE, "a")
    async with platform.client(ingest, key) as posting, platform.client(closed_loop, key) as api:
        await configured(api, 3)
        await post_until_accepted(posting, [complaint("a")])

        async def breached() -> bool:
            view = await api.get(f"/v1/cases/{case}")
            return view.status_code == 200 and "clock.breached" in {entry["entry"] for entry in view.json()["timeline"]}

        await until(breached)
        view = (await api.get(f"/v1/cases/{case}")).json()
        received = datetime.fromisoformat(view["received_at"])
        await post_until_accepted(posting, [reply("r", case, received + SECOND)])
        await until(lambda: _types(platform, since, "loop", case, "clock.met.v1"))
        metrics = (await api.get("/metrics")).text

    events = [one for one in await announced(platform, since, "loop") if getattr(one.data, "kind", "") == "first_response"]
    assert [one.type for one in events] == [f"clock.{type}.v1" for type in ("started", "breached", "retracted", "met")]
    breach = events[1]
    assert breach.data.due_at == received + 3 * SECOND
    assert timedelta() < breach.time - breach.data.due_at < 5 * SECOND
    sequences = [one.sequence for one in await announced(platform, since, "loop")]
    assert sequences == list(range(1, len(sequences) + 1))
    assert "hearback_clocks_lateness_seconds_count" in metrics
    assert "hearback_clocks_oldest_due_unprocessed_seconds" in metrics


async def _types(platform: Platform, since: Mark, tenant: str, case: str, type: str) -> bool:
    return type in {one.type for one in await announced(platform, since, tenant) if one.data.case == case}


async def test_sigterm_ends_it_in_order(stage: tuple[Platform, Service, Service]) -> None:
    platform, _, _ = stage
    service = await platform.start("closed_loop")

    assert await platform.stop(service) == 0
