"""Kafka is away while vendors send: they are answered as always, and everything is on the topic when it is back."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from shared.contracts.topics import FEEDBACK_EVENTS
from tests.ingest.adapters.case import Case
from tests.ingest.adapters.cases import CASES
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.connecting import connect, form_response, submit
from tests.system.platform import Platform

ANSWERS = 20
EXACT = [case for case in CASES if case.sample in ("facebook_page/get_verification.txt", "salesforce/outbound_message_case.xml")]
"""A challenge and an Ack: what must be answered to the letter, whatever is away."""


@pytest_asyncio.fixture(scope="module")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """One process of ingest."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("services"))
    await platform.prepare("ingest")
    await platform.start("ingest")
    yield platform
    await platform.stop_all()


async def test_vendors_are_answered_while_kafka_is_away_and_all_they_sent_is_there_when_it_is_back(platform: Platform) -> None:
    ids = [f"while-away-{n}" for n in range(ANSWERS)]
    everything = {"before", *ids, *(event["id"] for case in EXACT for event in case.expected)}
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(platform.one("ingest"), await platform.key("kafka-away-webhooks")) as client:
        endpoint = await connect(client)
        before = await submit(client, endpoint, form_response("before"))
        platform.kafka.kill()
        answers = await asyncio.gather(*(submit(client, endpoint, form_response(id)) for id in ids))
        exact = [await heard(client, case) for case in EXACT]
        spooled = await platform.one("ingest").metric("hearback_ingest_channel_spooled_events_total")
        await platform.kafka.restart()
        async with asyncio.timeout(60):
            while not everything <= (found := {json.loads(record.value)["id"] for record in await read(platform.kafka_settings, since)}):
                await asyncio.sleep(0.2)

    assert before.status_code == 200
    assert [answer.status_code for answer in answers] == [200] * ANSWERS
    assert found == everything
    assert spooled > 0
    assert exact == [(case.answer.status, case.answer.body, case.answer.media_type) for case in EXACT]


async def heard(client: httpx.AsyncClient, case: Case) -> tuple[int, bytes, str]:
    """What the vendor of a sample hears: status, body, content type."""
    endpoint = await connect(client, channel=case.adapter, secrets=case.secrets.model_dump(), options=case.options.model_dump(mode="json"))
    request = case.request(case.body)
    answer = await client.request(
        request.method,
        f"/v1/channels/{case.adapter}/{endpoint}?{urlsplit(request.url).query}",
        content=request.body,
        headers=request.headers,
    )
    return answer.status_code, answer.content, answer.headers["content-type"].partition(";")[0]
