"""The public form: what is written becomes an event, once, and nobody has to say who they are."""

import re
from typing import Any

import pytest

from tests.ingest.surveys.world import FORM, World

PATH = f"/f/{FORM}"
ENTRY = "0b6f6f0e-4f0f-4a53-9d0c-1d2f3a4b5c6d"


def entry(kind: str = "idea", text: str = "open on Sundays 😀 周日营业", **more: str) -> dict[str, str]:
    return {"entry": ENTRY, "kind": kind, "text": text, **more}


@pytest.mark.parametrize(
    ("kind", "type", "more"),
    [
        ("complaint", "feedback.complaint_raised.v1", {}),
        ("suggestion", "feedback.comment_posted.v1", {"kind": "suggestion"}),
        ("praise", "feedback.comment_posted.v1", {"kind": "praise"}),
        ("idea", "feedback.idea_submitted.v1", {}),
    ],
)
async def test_each_kind_becomes_its_event_once_however_often_it_is_sent(world: World, kind: str, type: str, more: dict[str, Any]) -> None:
    async with world.client() as client:
        answers = [await client.post(f"{PATH}?touchpoint=till+3&region=north&lang=zh-Hans", data=entry(kind)) for _ in range(2)]

    said = await world.said()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "0B6F6F0E" in answers[0].text
    assert {(one["source"], one["id"], one["type"]) for one in said} == {(f"/channels/form/{FORM}", ENTRY, type)}
    assert said[0]["data"] == {
        "channel": "form", "text": "open on Sundays 😀 周日营业", "language": "zh-Hans", "product": "shoes", "touchpoint": "till 3",
        "region": "north", **more,
    }  # fmt: skip


async def test_a_contact_is_taken_when_it_is_given_and_a_name_alone_is_none(world: World) -> None:
    async with world.client() as client:
        await client.post(PATH, data=entry(name="Ann", email="ann@example.com", phone="+49 1511 2345678"))
        await client.post(PATH, data=entry(name="Ann"))

    first, second = await world.said()
    assert first["data"]["customer"] == {"name": "Ann", "email": "ann@example.com", "phone": "+4915112345678"}
    assert "customer" not in second["data"]


@pytest.mark.parametrize(
    ("tenant", "endpoint", "phone"),
    [("GB", None, "+442079460018"), ("DE", "GB", "+442079460018"), (None, None, None)],
    ids=["the tenant's country", "the form's own country", "no country"],
)
async def test_a_number_without_its_country_code_is_one_of_the_forms_country(
    world: World, tenant: str | None, endpoint: str | None, phone: str | None
) -> None:
    await world.rows("UPDATE tenants SET country = :country", country=tenant)
    await world.rows("UPDATE channel_endpoints SET country = :country", country=endpoint)
    async with world.client() as client:
        answer = await client.post(PATH, data=entry(phone="020 7946 0018"))

    assert answer.status_code == (200 if phone else 422)
    assert [one["data"]["customer"] for one in await world.said()] == ([{"phone": phone}] if phone else [])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "other"}, "kind"),
        ({"text": "  "}, "text"),
        ({"text": "\x00"}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"email": "nobody"}, "email"),
        ({"phone": "12345"}, "phone"),
    ],
)
async def test_what_is_wrong_is_marked_and_what_was_written_stays(world: World, wrong: dict[str, str], field: str) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, data={**entry(name="Ann <b>"), **wrong})

    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.text
    assert 'value="Ann &lt;b&gt;"' in answer.text
    assert await world.said() == []


async def test_a_program_that_fills_in_everything_is_thanked_and_nothing_is_kept(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, data=entry(website="http://spam.example"))

    assert answer.status_code == 200
    assert await world.said() == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"kind=idea&text=a&entry=not-an-id", b"a=1&" * 200])
async def test_what_no_page_of_ours_sends_is_asked_for_again(world: World, body: bytes) -> None:
    async with world.client() as client:
        answer = await client.post(PATH, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 422
    assert await world.said() == []


async def test_the_poster_shows_a_code_that_leads_to_the_form_of_its_place(world: World) -> None:
    async with world.client() as client:
        poster = await client.get(f"{PATH}/poster?touchpoint=till+3&lang=zh-Hans")
        [code] = re.findall(r'src="([^"]+)"', poster.text)
        drawn = await client.get(code)

    assert "扫码告诉我们" in poster.text
    assert f"http://surveys.example{PATH}?touchpoint=till+3" in poster.text
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<?xml")


async def test_another_channels_endpoint_is_no_form(world: World) -> None:
    await world.rows("UPDATE channel_endpoints SET channel = 'typeform'")
    async with world.client() as client:
        answers = [await client.get(PATH), await client.post(PATH, data=entry())]

    assert [answer.status_code for answer in answers] == [404, 404]
