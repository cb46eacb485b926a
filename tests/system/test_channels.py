"""A vendor connected to a running platform: its signed answers become numbers, what it should not send leaves nothing, what it only
announces is fetched through the death of the process that fetches it, and a flood at one address is the matter of that one alone."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from shared.contracts.topics import FEEDBACK_EVENTS
from tests.ingest.channels.vendor import Asked, selling, signed
from tests.shared.kafka.reading import Mark, mark, read
from tests.system.connecting import SECRET, connect, form_response, submit
from tests.system.platform import Platform, Service

TENANT = "channels"
PULLING = """
import sys
from services.ingest.adapters import adapters
from services.ingest.main import main
from tests.ingest.channels.vendor import ADAPTER
adapters()[ADAPTER.name] = ADAPTER
sys.exit(main(frozenset({"channels", "pulls"})))
"""
PATIENCE_SECONDS = 30


@pytest_asyncio.fixture(scope="module")
async def client(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(ingest, await platform.key(TENANT)) as client:
        yield client


async def arrived(platform: Platform, since: Mark, count: int) -> list[dict[str, Any]]:
    """The tenant's events since the mark, as soon as there are so many."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            events = [json.loads(record.value) for record in await read(platform.kafka_settings, since)]
            if len(ours := [event for event in events if event["tenant"] == TENANT]) >= count:
                return ours
            await asyncio.sleep(0.1)


async def test_a_signed_answer_becomes_a_number_and_a_forged_one_nothing(
    platform: Platform, client: httpx.AsyncClient, scoring: Service
) -> None:
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    endpoint = await connect(client)

    forged = await submit(client, endpoint, form_response(score=0), "another secret")
    taken = await submit(client, endpoint, form_response("answer-1", score=9))
    repeated = await submit(client, endpoint, form_response("answer-1", score=9))

    assert [answer.status_code for answer in (forged, taken, repeated)] == [401, 200, 200]
    async with (
        platform.client(scoring, str(client.headers["authorization"]).partition(" ")[2]) as reading,
        asyncio.timeout(PATIENCE_SECONDS),
    ):
        while not (items := await nps(reading)):
            await asyncio.sleep(0.1)
    assert [(item["n"], item["value"]) for item in items] == [(1, 100)]
    assert {event["id"] for event in await arrived(platform, since, 2)} == {"answer-1"}


async def nps(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = (await client.get("/v1/metrics", params={"metric": "nps", "window": "1h"})).json()
    return [item for item in answer["items"] if item["n"]]


async def test_two_replicas_take_former_and_new_secrets_during_a_rotation_and_what_is_kept_is_replayed(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    endpoint = await connect(client, name="rotated")
    other = await platform.start("ingest", roles=["channels"])
    path = f"/v1/endpoints/{endpoint}"
    async with platform.client(other, str(client.headers["authorization"]).partition(" ")[2]) as there:
        before = await submit(there, endpoint, form_response())
        odd = form_response("odd").replace(b'"number": 9', b'"number": 99')
        unreadable = await submit(there, endpoint, odd)
        await client.post(f"{path}/rotate", json={"secrets": {"secret": "s2"}, "overlap_seconds": 3600})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await submit(there, endpoint, form_response(), "s2")).status_code != 200:
                await asyncio.sleep(0.05)
        answers = [await submit(one, endpoint, form_response(), secret) for one in (client, there) for secret in (SECRET, "s2", "s3")]
        options = {"questions": {"nps": {"instrument": "likert", "scale_min": 0, "scale_max": 100}}}
        assert (await client.patch(path, json={"options": options})).status_code == 200
        replayed = (await client.post(f"{path}/unreadable/replay")).json()
        left = (await there.get(f"{path}/unreadable")).json()
    await platform.stop(other)

    assert (before.status_code, unreadable.status_code) == (200, 200)
    assert [answer.status_code for answer in answers] == [200, 200, 401] * 2
    assert (replayed["replayed"], replayed["events"], left["items"]) == (1, 1, [])
    events = await arrived(platform, since, 7)
    assert [event["data"]["answers"][0]["score"] for event in events if event["id"] == "odd"] == [99]


async def test_what_was_only_announced_arrives_through_a_kill_of_the_process_that_fetches_it(
    platform: Platform, client: httpx.AsyncClient
) -> None:
    since = await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    ids = [uuid4().hex for _ in range(3)]
    hanging = asyncio.Event()
    hang = True

    def says(asked: Asked) -> tuple[int, Any] | None:
        page = int(asked.query.get("page", "0"))
        if page == 1 and hang:
            hanging.set()
            return None
        return 200, {"things": [{"id": ids[page], "text": "from a page"}], "next": page + 1 if page < 2 else None}

    key = str(client.headers["authorization"]).partition(" ")[2]
    async with selling() as vendor:
        vendor.says = says
        first = await platform.start("ingest", program=PULLING)
        async with platform.client(first, key) as there:
            options = {"server": vendor.url}
            endpoint = await connect(there, channel="loopback", secrets={"secret": "s1"}, options=options, calls_per_minute=6000)
            body = json.dumps({"fetches": {"announced": {}}}).encode()
            answer = await there.post(f"/v1/channels/loopback/{endpoint}", content=body, headers=signed(body))
            await asyncio.wait_for(hanging.wait(), PATIENCE_SECONDS)
        await first.kill()
        platform.services.remove(first)
        hang = False
        async with platform.database("ingest") as database:
            claimed = await database.fetchval("SELECT next_at > now() FROM channel_fetches WHERE endpoint = $1", endpoint)
            # the lease of the dead process is over: what is shown here is that the step outlived it, not how long a lease is
            await database.execute("UPDATE channel_fetches SET next_at = now() WHERE endpoint = $1", endpoint)
            await database.execute("UPDATE channel_endpoints SET next_call_at = now() WHERE id = $1", endpoint)
        second = await platform.start("ingest", program=PULLING)
        events = await arrived(platform, since, 3)
        await platform.stop(second)

    assert (answer.status_code, claimed) == (202, True)
    assert {event["id"] for event in events} == set(ids)
    assert {event["source"] for event in events} == {f"/channels/loopback/{endpoint}"}
    assert [asked.query.get("page") for asked in vendor.asked] == [None, "1", "1", "2"]


async def test_a_flood_at_one_endpoint_is_refused_in_time_and_the_others_are_taken(platform: Platform, client: httpx.AsyncClient) -> None:
    flooded, quiet = await connect(client, name="flooded"), await connect(client, name="quiet")
    pace = {"HEARBACK_INGEST_REQUESTS_PER_SECOND_PER_ENDPOINT": "0.05"}
    other = await platform.start("ingest", roles=["channels"], more=pace)
    async with platform.client(other, str(client.headers["authorization"]).partition(" ")[2]) as there:
        forged = form_response("x" * 200_000)
        flood = await asyncio.gather(*(submit(there, flooded, forged, "another secret") for _ in range(40)))
        late, beside = await submit(there, flooded, form_response()), await submit(there, quiet, form_response())
    await platform.stop(other)  # which writes what it has counted
    state = (await client.get(f"/v1/endpoints/{flooded}")).json()

    told = Counter(answer.status_code for answer in flood)
    assert set(told) == {401, 429}
    assert told[401] < told[429]
    assert all(1 <= int(answer.headers["retry-after"]) <= 20 for answer in flood if answer.status_code == 429)
    assert (late.status_code, beside.status_code) == (429, 200)
    assert state["refused"] == {"wrong_signature": told[401], "too_fast": told[429] + 1}
