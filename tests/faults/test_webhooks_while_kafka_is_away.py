"""Kafka is away while vendors send: they are answered as always, and everything is on the topic when it is back."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.contracts.topics import FEEDBACK_EVENTS
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.connecting import connect, form_response, submit
from tests.system.platform import Platform

ANSWERS = 20


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
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(platform.one("ingest"), await platform.key("kafka-away-webhooks")) as client:
        endpoint = await connect(client)
        before = await submit(client, endpoint, form_response("before"))
        platform.kafka.kill()
        answers = await asyncio.gather(*(submit(client, endpoint, form_response(id)) for id in ids))
        spooled = await platform.one("ingest").metric("hearback_ingest_channel_spooled_events_total")
        await platform.kafka.restart()
        async with asyncio.timeout(60):
            while len(found := {json.loads(record.value)["id"] for record in await read(platform.kafka_settings, since)}) <= ANSWERS:
                await asyncio.sleep(0.2)

    assert before.status_code == 200
    assert [answer.status_code for answer in answers] == [200] * ANSWERS
    assert found == {"before", *ids}
    assert spooled > 0
