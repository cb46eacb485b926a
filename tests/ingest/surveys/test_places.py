"""Standing addresses: a look stores nothing, the first answer is somebody's own, and a kiosk begins anew."""

import re
from typing import Any

import httpx
import pytest

from tests.ingest.surveys.test_answering import ANSWERS, give
from tests.ingest.surveys.world import URL, World


async def placed(world: World, survey: str = "instant", **more: Any) -> str:
    """The path of a place of this survey."""
    async with world.client() as client:
        made = await client.post(f"/v1/surveys/{survey}/places", json={"touchpoint": "till 3", **more})
    assert made.status_code == 201, made.text
    return str(made.json()["url"]).removeprefix(URL)


def visit_of(page: httpx.Response) -> str:
    return re.findall(r'name="visit" value="([0-9a-f-]{36})"', page.text)[0]


async def begin(client: httpx.AsyncClient, place: str, **fields: str) -> httpx.Response:
    """The first answer of somebody new."""
    visit = visit_of(await client.get(place))
    return await client.post(place, data={"visit": visit, "question": "effort", "score": "2", **fields})


async def everything_stored(world: World) -> list[Any]:
    tables = ("survey_invitations", "survey_tokens", "outbox", "survey_replies", "survey_rewards")
    return [row for table in tables for row in await world.rows(f"SELECT * FROM {table}")]


async def test_the_first_answer_at_a_place_makes_an_invitation_of_its_own_with_what_the_address_says(world: World) -> None:
    await world.make("instant", mode="instant")
    place = await placed(world, region="north", product="shoes")
    async with world.client() as client:
        page = (await begin(client, place)).headers["location"]
        for question in list(ANSWERS)[1:]:
            assert (await give(client, page, question)).status_code == 303
        thanks = await client.get(page)

    [invitation] = await world.invitations()
    assert (invitation["mode"], invitation["state"], invitation["sent_at"], invitation["opened_at"]) == ("instant", "walked_in", None, None)
    said = await world.said()
    assert [one["type"] for one in said] == ["feedback.survey_answered.v1"] * 5
    assert {one["id"] for one in said} == {invitation["id"]}
    last = said[-1]["data"]
    assert [last[name] for name in ("touchpoint", "region", "product", "channel")] == ["till 3", "north", "shoes", "store"]
    assert (last["revision"], "customer" in last) == (5, False)
    assert "Change my answers" in thanks.text


async def test_looking_at_a_place_however_often_stores_nothing_and_is_no_answer(world: World) -> None:
    await world.make("instant")
    place = await placed(world)
    async with world.client() as client:
        pages = [await client.get(f"{place}{query}") for query in ("", "?score=7", "?q=solved", "?lang=zh-Hans", "/poster", "/code.svg")]
        head = await client.head(place)

    assert [page.status_code for page in pages] == [200] * 6
    assert head.status_code in (200, 405)
    assert await everything_stored(world) == []


@pytest.mark.parametrize(
    "sent",
    [{}, {"question": "effort", "score": "2"}, {"question": "solved", "score": "1"}, {"question": "effort", "score": "8"},
     {"question": "effort", "score": "2", "visit": "mine"}, {"question": "effort", "score": "2", "website": "http://spam"}],
)  # fmt: skip
async def test_what_no_person_at_the_page_would_send_stores_nothing(world: World, sent: dict[str, str]) -> None:
    await world.make("instant")
    place = await placed(world)
    async with world.client() as client:
        visit = (
            {"visit": visit_of(await client.get(place))}
            if ("visit" not in sent and sent.get("question") != "effort") or "website" in sent
            else {}
        )
        answer = await client.post(place, data={**visit, **sent})

    assert answer.status_code in (200, 422)
    assert await everything_stored(world) == []


async def test_the_first_answer_sent_twice_is_one_visit_and_another_page_is_another(world: World) -> None:
    await world.make("instant")
    place = await placed(world)
    async with world.client() as client:
        visit = visit_of(await client.get(place))
        twice = [await client.post(place, data={"visit": visit, "question": "effort", "score": score}) for score in ("2", "2", "5")]
        await begin(client, place)

    assert [one.status_code for one in twice] == [303] * 3
    assert sorted(row["given"]["effort"]["score"] for row in await world.invitations()) == [2, 5]


async def test_a_kiosk_thanks_once_begins_anew_by_itself_and_shows_nothing_of_the_person_before(world: World) -> None:
    await world.make("instant")
    place = await placed(world, kiosk=True)
    async with world.client() as client:
        page = (await begin(client, place)).headers["location"]
        second = await client.get(page)
        back = await client.get(f"{page}?q=effort")
        for question in list(ANSWERS)[1:-1]:
            await give(client, page, question)
        thanks = await give(client, page, "improve")
        later = [await client.get(page), await give(client, page, "effort", score="7"), await client.get(f"{page}?idle=1")]
        anew = await client.get(place)

    assert re.findall(r'http-equiv="refresh" content="([^"]+)"', second.text) == [f"60; url={page}?idle=1"]
    assert "aria-pressed" not in back.text
    assert "Is your request settled?" in back.text, "a kiosk does not go back"
    assert (thanks.status_code, re.findall(r'http-equiv="refresh" content="([^"]+)"', thanks.text)) == (200, [f"8; url={place}"])
    assert thanks.headers["clear-site-data"] == '"cache"'
    assert [(one.status_code, one.headers["location"]) for one in later] == [(303, place)] * 3
    assert "没有" not in anew.text
    assert [row["given"]["effort"] for row in await world.invitations()] == [{"score": 2}]


async def test_a_kiosk_asks_who_is_gone_and_ends_a_visit_that_was_left(world: World) -> None:
    await world.make("instant")
    place = await placed(world, kiosk=True)
    async with world.client() as client:
        page = (await begin(client, f"{place}?lang=zh-Hans")).headers["location"]
        idle = await client.get(page.replace("?", "?idle=1&"))
        await world.rows("UPDATE survey_invitations SET expires_at = now()")
        left = [await client.get(page), await give(client, page, "solved")]

    assert "您还在吗？" in idle.text
    assert f'content="20; url={place}"' in idle.text
    assert [one.headers["location"] for one in left] == [place] * 2
    assert list((await world.invitations())[0]["given"]) == ["effort"]


async def test_a_place_that_is_closed_or_whose_survey_is_retired_is_gone_and_its_answers_stay(world: World) -> None:
    await world.make("instant")
    place, other = await placed(world), await placed(world)
    async with world.client() as client:
        await begin(client, place)
        closed = await client.delete(f"/v1/surveys/instant/places/{place.rpartition('/')[2]}")
        again = await client.delete(f"/v1/surveys/instant/places/{place.rpartition('/')[2]}")
        gone = await client.get(place)
        await client.delete("/v1/surveys/instant")
        retired = await client.get(other)
        listed = (await client.get("/v1/surveys/instant/places")).json()["items"]

    assert [closed.status_code, again.status_code, gone.status_code, retired.status_code] == [200, 404, 404, 404]
    assert sorted(one["closed_at"] is None for one in listed) == [False, True]
    assert len(await world.invitations()) == 1


async def test_walk_ins_are_counted_apart_from_those_who_were_asked(world: World) -> None:
    await world.make("instant")
    place = await placed(world, region="north")
    asked = [await world.link("instant", customer={"id": f"c-{n}"}) for n in range(2)]
    async with world.client() as client:
        await give(client, asked[0], "effort")
        for _ in range(3):
            await begin(client, place)
    async with world.client("metrics:read") as client:
        found = (await client.get("/v1/surveys/instant/results")).json()

    totals = found["totals"]
    assert (totals["sent"], totals["answered"], totals["walked_in"], found["response_rate"]) == (2, 1, 3, 0.5)
    assert [(one["region"], one["base"], one["answered"]) for one in found["strata"]] == [("", 2, 1)]
    assert found["answers"]["effort"] == {"score": {"2": 4}}


async def test_one_address_begins_so_many_visits_at_a_place_and_no_more(world: World) -> None:
    await world.make("instant")
    place = await placed(world)
    async with world.client() as client:
        statuses = [(await begin(client, place)).status_code for _ in range(22)]

    assert statuses == [303] * 20 + [429] * 2
    assert len(await world.invitations()) == 20
