"""Kafka and PostgreSQL are killed in the middle of an import: it waits, goes on, and each row is accounted for once."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.contracts.topics import FEEDBACK_BACKFILL
from tests.servers import KafkaServer, PostgresServer
from tests.shared.kafka.reading import mark, read
from tests.system.platform import Platform
from tests.system.test_imports import ROWS, answers, until


@pytest_asyncio.fixture(scope="module")
async def platform(
    kafka_server: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """One process that imports."""
    platform = Platform(kafka_server, postgres_server, tmp_path_factory.mktemp("services"))
    await platform.prepare("ingest")
    await platform.start("ingest", roles=("imports",))
    yield platform
    await platform.stop_all()


async def test_an_import_goes_on_when_kafka_and_postgresql_were_killed_in_its_middle(platform: Platform) -> None:
    since = await mark(platform.kafka_settings, FEEDBACK_BACKFILL)
    async with platform.client(platform.one("ingest"), await platform.key("goes-on")) as client:
        id = (await client.post("/v1/imports", params={"start": True}, content=answers(ROWS).encode())).raise_for_status().json()["id"]
        await until(client, id, read=1)
        platform.kafka.kill()
        async with asyncio.timeout(30):
            while (without_kafka := await until(client, id, read=1))["waiting_for"] != "kafka":
                await asyncio.sleep(0.1)
        await platform.kafka.restart()
        before = await until(client, id, read=without_kafka["read"] + 1)
        platform.postgres.kill()
        await platform.postgres.restart()
        await platform.one("ingest").ready()
        done = await until(client, id, state="done")
    records = await read(platform.kafka_settings, since)

    assert 0 < without_kafka["read"] < before["read"] < ROWS, "the kills came too late to be in the middle"
    assert (done["read"], done["accepted"], done["duplicate"], done["refused"]) == (ROWS + 2, ROWS, 1, 1)
    assert {json.loads(record.value)["id"] for record in records} == {f"a{n}" for n in range(ROWS)}
