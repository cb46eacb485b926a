"""Kafka is killed under ingest: it says so and when to come again, stays reachable, and what it had answered 202 is in the log."""

import asyncio
import copy
from uuid import uuid4

import httpx

from shared.contracts.examples import EXAMPLES
from shared.contracts.topics import FEEDBACK_EVENTS
from tests.shared.kafka.reading import mark, read
from tests.system.platform import Platform, Service


async def test_everything_answered_202_is_in_the_log_and_the_rest_hears_503_while_kafka_is_killed(
    platform: Platform, ingest: Service
) -> None:
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    accepted: set[str] = set()
    refused: dict[str, httpx.Response] = {}
    waits: list[float] = []
    stop = asyncio.Event()

    async def send(client: httpx.AsyncClient, id: str) -> httpx.Response:
        event = copy.deepcopy(EXAMPLES["feedback.idea_submitted.v1"]) | {"id": id}
        event["data"]["customer"] = {"id": id}
        began = asyncio.get_running_loop().time()
        answer = await client.post("/v1/events", json=event)
        waits.append(asyncio.get_running_loop().time() - began)
        return answer

    async def sender(client: httpx.AsyncClient) -> None:
        while not stop.is_set():
            answer = await send(client, id := uuid4().hex)
            if answer.status_code == 202:
                accepted.add(id)
            else:
                refused[id] = answer
                await asyncio.sleep(0.2)

    async with platform.client(ingest, await platform.key("away")) as client:
        senders = [asyncio.create_task(sender(client)) for _ in range(8)]
        await asyncio.sleep(1)
        platform.kafka.kill()
        await asyncio.sleep(6)
        live, ready = [(await client.get(f"/health/{kind}")).status_code for kind in ("live", "ready")]
        unknown = await client.get("/v1/whoami", headers={"authorization": "Bearer hb_stranger_x"})
        known = await client.get("/v1/whoami")
        before_kafka_came_back = len(accepted)
        await platform.kafka.restart()
        async with asyncio.timeout(30):
            while len(accepted) < before_kafka_came_back + 50:
                await asyncio.sleep(0.1)
        stop.set()
        await asyncio.gather(*senders)
        again = [(await send(client, id)).json() for id in refused]

    assert before_kafka_came_back > 50 and len(refused) >= 8
    for answer in refused.values():
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "kafka" in answer.json()["detail"]
    assert max(waits) < 6.5
    assert (live, ready, known.status_code, unknown.status_code) == (200, 200, 200, 503)
    assert [told["duplicates"] for told in again] == [[]] * len(refused)
    stored = b"".join(record.value for record in await read(platform.kafka_settings, since)).decode()
    assert [id for id in (*accepted, *refused) if id not in stored] == []
