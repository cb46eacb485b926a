"""A record that scoring cannot process is set aside with its reason, can be seen, and comes back to scoring by one command."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.identity import partition_key
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.kafka.dead_letters import SourceRecord, dead_letter
from tests.cli.installation import Installation
from tests.system.platform import Platform, Service

AT = datetime(2024, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def installation(platform: Platform, tmp_path: Path) -> Installation:
    """The stack, as far as these commands need it."""
    return Installation.make(tmp_path, platform.kafka.bootstrap)


async def write(platform: Platform, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> str:
    """Put a record on Kafka past ingest; returns its place as TOPIC/PARTITION/OFFSET."""
    producer = AIOKafkaProducer(bootstrap_servers=platform.kafka.bootstrap)
    await producer.start()
    written = await producer.send_and_wait(topic, value, key, headers=headers)
    await producer.stop()
    return f"{topic}/{written.partition}/{written.offset}"


async def letter_of(installation: Installation, **expected: object) -> dict[str, Any]:
    """The first dead letter with these properties, as soon as the list shows it."""
    async with asyncio.timeout(60):
        while True:
            for letter in await installation.told("dead-letters", "list", "--consumer", "scoring"):
                if expected.items() <= letter.items():
                    found: dict[str, Any] = letter
                    return found


@pytest.mark.usefixtures("scoring")
async def test_poison_is_set_aside_with_its_reason_and_its_replay_fails_again_as_the_second_attempt(
    platform: Platform, installation: Installation
) -> None:
    place = await write(platform, FEEDBACK_EVENTS, b"poison:c-1", b"this is no event", [])

    first = await letter_of(installation, record=place)
    replayed = await installation.call("dead-letters", "replay", "--record", place, "--consumer", "scoring")
    second = await letter_of(installation, attempt=2, reason=first["reason"])

    assert first["attempt"] == 1
    assert first["reason"]
    assert replayed.stdout == "replayed 1 dead letters\n"
    assert second["record"] != place


async def test_what_can_be_processed_by_now_counts_once_and_only_where_it_had_failed(
    platform: Platform, ingest: Service, scoring: Service, installation: Installation
) -> None:
    tenant = f"mended-{uuid4().hex[:8]}"
    offset = 10**12 + uuid4().int % 10**12  # of a record that stands nowhere, so that no other test's is meant
    complaint = event("feedback.complaint_raised.v1", "failed", text="It does not work.")
    value = {**complaint, "specversion": "1.0", "tenant": tenant, "receivedat": AT.isoformat()}
    failed = SourceRecord(FEEDBACK_EVENTS, 0, offset, AT, partition_key(tenant, "c-1", "failed"), json.dumps(value).encode(), [])
    for group in ("scoring", "another"):
        letter = dead_letter(failed, group, "a_defect_that_is_mended")
        await write(platform, letter.topic, letter.key, letter.value, list(letter.headers))
    replay = ("dead-letters", "replay", "--record", f"{FEEDBACK_EVENTS}/0/{offset}", "--consumer")
    key = await platform.key(tenant)

    async with platform.client(ingest, key) as posting, platform.client(scoring, key) as reading:
        for_another = await installation.call(*replay, "another")
        await posting.post("/v1/events", json=event("interaction.completed.v1", "behind the first replay"))
        without = await complaints(reading, behind_interactions=1)
        for_scoring = [await installation.call(*replay, "scoring") for _ in range(2)]
        await posting.post("/v1/events", json=event("interaction.completed.v1", "behind the others"))
        with_it = await complaints(reading, behind_interactions=2)

    assert {done.stdout for done in (for_another, *for_scoring)} == {"replayed 1 dead letters\n"}
    assert (without, with_it) == (0, 1)


def event(type: str, id: str, **data: str) -> dict[str, Any]:
    """An event of one customer: all of them come to one partition, in order."""
    return {
        "id": id, "source": "/test", "type": type, "time": AT.isoformat(), "data": {"channel": "web", "customer": {"id": "c-1"}, **data},
    }  # fmt: skip


async def complaints(client: httpx.AsyncClient, behind_interactions: int) -> int:
    """How many complaints scoring tells as soon as it tells so many interactions, before which everything else was written."""
    span = {"from": AT.isoformat(), "to": (AT + timedelta(minutes=1)).isoformat()}
    async with asyncio.timeout(60):
        while True:
            answer = await client.get("/v1/metrics", params={"metric": "complaint_rate", **span})
            told = answer.json()["items"][0]["components"]
            if told["interactions"] == behind_interactions:
                return int(told["complaints"])
            await asyncio.sleep(0.1)
