"""Kafka is slow: a quota of the broker lets ingest write a fraction of what is sent to it."""

import asyncio
import itertools
import json
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_EVENTS
from tests.shared.kafka.reading import mark, read
from tests.system.platform import Platform
from tests.system.test_limits import most_memory

CLIENT = "hearback-ingest"
BYTES_PER_SECOND = 400_000
SENDERS, EVENTS, TEXT = 150, 500, "x" * 1900
"""A request is a megabyte, and so 150 are sent at a time."""
SECONDS = 7.0
MORE = {"HEARBACK_INGEST_QUEUE_BYTES": str(4 * 1024**2), "HEARBACK_INGEST_BODIES_BYTES": str(8 * 1024**2)}
MOST_KILOBYTES = 100_000
"""Queue and bodies, each in several forms, and what the kernel hands over of each connection at a time."""


@dataclass
class Answers:
    """What was said to all senders."""

    stored: set[str] = field(default_factory=set)
    refused: list[httpx.Response] = field(default_factory=list)

    def add(self, ids: Sequence[str], answer: httpx.Response) -> None:
        if answer.status_code == 202:
            self.stored.update(ids)
        else:
            self.refused.append(answer)
            self.stored.update(ids[place] for place in answer.json().get("accepted_indices", ()))


@asynccontextmanager
async def quota(bootstrap: str, bytes_per_second: float) -> AsyncIterator[None]:
    """Kafka answers ingest's producers so late that they write no more than this."""
    await _set_quota(bootstrap, bytes_per_second)
    yield
    await _set_quota(bootstrap, None)


async def _set_quota(bootstrap: str, bytes_per_second: float | None) -> None:
    """AlterClientQuotas, version 0, which the client library does not know: https://kafka.apache.org/protocol#The_Messages_AlterClientQuotas"""

    def text(value: str) -> bytes:
        return struct.pack(">h", len(value)) + value.encode()

    one = struct.pack(">i", 1)
    change = text("producer_byte_rate") + struct.pack(">d?", bytes_per_second or 0.0, bytes_per_second is None)
    request = struct.pack(">hhi", 49, 0, 1) + text("test") + one + one + text("client-id") + text(CLIENT) + one + change + b"\0"
    host, port = bootstrap.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    *_, error = struct.unpack(">iiih", (await reader.readexactly(size))[:14])
    writer.close()
    assert error == 0


async def send(client: httpx.AsyncClient, sender: int, until: float, answers: Answers) -> None:
    """Send a megabyte, the same again a second after it was refused, and then the next."""
    for number in itertools.count():
        ids = [f"slow-{sender}-{number}-{place}" for place in range(EVENTS)]
        common = {"type": "feedback.idea_submitted.v1", "time": utc_now().isoformat(), "data": {"channel": "web", "text": TEXT}}
        body = json.dumps([{"id": id, **common} for id in ids]).encode()
        status = 0
        while status != 202:
            if time.monotonic() > until:
                return
            answer = await client.post("/v1/events", content=body)
            answers.add(ids, answer)
            status = answer.status_code
            if status != 202:
                await asyncio.sleep(1)


async def test_memory_is_bounded_refusals_say_when_to_come_again_and_what_was_acknowledged_is_there(platform: Platform) -> None:
    service, answers = await platform.start("ingest", roles=("events", "access"), more=MORE), Answers()
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(service, await platform.key("slow"), timeout=60) as client:
        await send(client, -1, time.monotonic() + 0.2, answers)
        before = most_memory(service)

        async with quota(platform.kafka.bootstrap, BYTES_PER_SECOND):
            until = time.monotonic() + SECONDS
            await asyncio.gather(*(send(client, sender, until, answers) for sender in range(SENDERS)))
        grown = most_memory(service) - before
        async with asyncio.timeout(30):
            while (await client.post("/v1/events", json={"type": "feedback.idea_submitted.v1", "time": utc_now().isoformat(),
                                                         "data": {"channel": "web", "text": "again"}})).status_code != 202:  # fmt: skip
                await asyncio.sleep(0.2)
    await platform.stop(service)

    there = {json.loads(record.value)["id"] for record in await read(platform.kafka_settings, since)}
    print(f"{grown} kB more, {len(answers.stored)} stored, {len(answers.refused)} requests refused")
    assert grown < MOST_KILOBYTES
    assert answers.stored and answers.stored <= there
    assert {answer.status_code for answer in answers.refused} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers.refused)
