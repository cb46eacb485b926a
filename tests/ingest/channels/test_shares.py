"""A flood at one endpoint leaves the others what they need, costs little, and is counted; nobody is refused after the proof."""

import asyncio
from collections.abc import AsyncIterator

from services.ingest.channels.shares import AT_ONCE, Share, _Part
from services.ingest.reading import Room
from shared.database.engine import Sessions
from shared.settings import DatabaseSettings
from shared.web.problems import Problem
from tests.ingest.channels.replica import counted, made, ok, send, serving, thing


async def test_requests_to_one_endpoint_that_come_too_fast_are_told_when_to_come_again_and_others_are_taken(
    channels_database: DatabaseSettings, sessions: Sessions
) -> None:
    burst = 3
    async with serving(channels_database, sessions, per_second=burst / 10) as replica, replica.client() as client:
        flooded, quiet = await made(client), await made(client)
        forged = [await send(client, flooded, {}, "forged") for _ in range(burst)]
        refused = [await send(client, flooded, {"things": [thing("1")]}, secret) for secret in ("forged", "s1")]
        other = await send(client, quiet, {"things": [thing("2")]})
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{flooded}"))

    assert [answer.status_code for answer in forged] == [401] * burst
    assert [(answer.status_code, answer.json()["type"]) for answer in refused] == [(429, "urn:hearback:problem:too_fast")] * 2
    assert 1 <= int(refused[0].headers["retry-after"]) <= 10
    assert other.status_code == 202
    assert state["refused"] == {"wrong_signature": burst, "too_fast": 2}
    assert counted(replica, "channel_requests_total", channel="loopback", result="too_fast") == 2


async def test_of_a_request_to_no_endpoint_or_one_that_comes_too_fast_no_body_is_read(
    channels_database: DatabaseSettings, sessions: Sessions
) -> None:
    asked_for: list[str] = []

    async def body(name: str) -> AsyncIterator[bytes]:
        asked_for.append(name)
        yield b"x"

    async with serving(channels_database, sessions, per_second=1e-3) as replica, replica.client() as client:
        endpoint = await made(client)
        path = "/v1/channels/loopback/"
        first = await client.post(path + endpoint, content=body("first"))
        second = await client.post(path + endpoint, content=body("second"))
        nowhere = await client.post(path + "0" * 32, content=body("nowhere"))

    assert [answer.status_code for answer in (first, second, nowhere)] == [401, 429, 404]
    assert asked_for == ["first"]


async def test_so_many_requests_of_one_endpoint_are_worked_on_at_a_time_and_the_others_wait_for_their_turn() -> None:
    share, at_once, most, release = Share(Room(1)), 0, 0, asyncio.Event()

    async def worked_on() -> None:
        nonlocal at_once, most
        async with share.turn():
            at_once += 1
            most = max(most, at_once)
            await release.wait()
            at_once -= 1

    working = [asyncio.create_task(worked_on()) for _ in range(3 * AT_ONCE)]
    while at_once < AT_ONCE:
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*working)

    assert most == AT_ONCE


async def test_the_bodies_of_one_endpoint_take_a_part_of_the_room_of_all() -> None:
    whole = Room(10)
    one, other = _Part(6, whole), _Part(6, whole)

    one.take(6)
    refusals = [refuses(one, 1), refuses(other, 5)]
    other.take(4)
    one.give_back(6)

    assert refusals == [True, True]
    assert (whole.held, one.held, other.held) == (4, 0, 4)


def refuses(room: Room, size: int) -> bool:
    """Whether there is no room for so much."""
    try:
        room.take(size)
    except Problem as problem:
        return problem.status == 503
    return False
