"""What a completed survey earns: whatever the answers are, once, and no code twice."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from tests.ingest.surveys.test_answering import ANSWERS, give
from tests.ingest.surveys.test_places import begin, placed
from tests.ingest.surveys.world import World

TEXT = {"en": "a coffee", "zh-Hans": "一杯咖啡"}
WORST = {
    "effort": {"score": "7"},
    "solved": {"score": "0"},
    "contact": {"score": "1"},
    "knowledge": {"score": "1"},
    "improve": {"text": "all"},
}
SKIPPED = {"effort": {"score": "4"}, **{name: {"skip": "1"} for name in ("solved", "contact", "knowledge", "improve")}}


async def rewarding(world: World, kind: str, **more: Any) -> None:
    await world.make("thanks", incentive={"kind": kind, "text": TEXT, **more})


async def upload(world: World, *codes: str) -> dict[str, int]:
    async with world.client() as client:
        answer = await client.post("/v1/surveys/thanks/coupons", json={"codes": list(codes)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def complete(world: World, customer: str | None, answers: Mapping[str, dict[str, str]] = ANSWERS) -> str:
    """Answer everything; returns the last page."""
    page = await world.link("thanks", **({"customer": {"id": customer}} if customer else {}))
    async with world.client() as client:
        for question in answers:
            await give(client, page, question, **answers[question])
        return (await client.get(page)).text


async def rewards(world: World, after: int = 0) -> list[dict[str, Any]]:
    async with world.client("customers:read") as client:
        return list((await client.get(f"/v1/surveys/thanks/rewards?after={after}")).json()["items"])


@pytest.mark.parametrize("kind", ["points", "coupon", "draw"])
async def test_any_answers_that_complete_the_survey_earn_the_same_once(world: World, kind: str) -> None:
    await rewarding(world, kind, **({"points": 100} if kind == "points" else {}))
    await upload(world, "A-1", "A-2", "A-3")
    for customer, answers in (("best", ANSWERS), ("worst", WORST), ("most passed over", SKIPPED)):
        await complete(world, customer, answers)
    unfinished = await world.link("thanks", customer={"id": "unfinished"})
    nothing = await world.link("thanks", customer={"id": "nothing"})
    async with world.client() as client:
        await give(client, unfinished, "effort")
        for question in ANSWERS:
            await give(client, nothing, question, skip="1")
    found = await rewards(world)
    [first] = await world.rows("SELECT id FROM survey_invitations WHERE contact->>'customer' = 'best'")
    async with world.client("ingest:write") as client:
        await client.post(f"/v1/surveys/thanks/invitations/{first['id']}/answers", json={"answers": {"effort": {"score": 7}}})

    assert [(one["number"], one["kind"], one["points"], one["customer"]["id"]) for one in found] == [
        (number, kind, 100 if kind == "points" else None, who) for number, who in enumerate(("best", "worst", "most passed over"), 1)
    ]
    assert await rewards(world) == found
    assert [one["number"] for one in await rewards(world, after=2)] == [3]


async def test_a_code_is_shown_on_the_thank_you_page_and_sent_by_mail_to_who_was_asked_by_mail(world: World) -> None:
    await rewarding(world, "coupon")
    await upload(world, "THANKS-1", "THANKS-2")
    async with world.client("ingest:write") as client:
        asked = {"way": "email", "people": [{"id": "mailed", "customer": {"id": "m", "email": "m@example.com"}}]}
        await client.post("/v1/surveys/thanks/invitations", json=asked)
        typed = {"effort": {"score": 1}, **dict.fromkeys(("solved", "contact", "knowledge", "improve"))}
        await client.post("/v1/surveys/thanks/invitations/mailed/answers", json={"answers": typed})

    page = await complete(world, None)

    assert "THANKS-2" in page
    assert [row["group_key"] for row in await world.rows("SELECT group_key FROM deliveries")] == ["code:mailed"]
    assert "THANKS" not in str(await world.rows("SELECT * FROM deliveries"))


async def test_when_codes_have_run_out_none_is_promised_and_the_next_upload_pays_what_is_owed(world: World) -> None:
    await rewarding(world, "coupon")
    first = await upload(world, "ONLY-1", "ONLY-1")
    page = await world.link("thanks")
    other = await world.link("thanks")
    async with world.client() as client:
        promised = (await client.get(page)).text
        for question in ANSWERS:
            await give(client, page, question)
            await give(client, other, question)
        sorry = (await client.get(other)).text
        nothing = (await client.get(await world.link("thanks"))).text
        counted = (await client.get("/v1/surveys/thanks/coupons")).json()
        second = await upload(world, "ONLY-1", "NEW-1", "NEW-2")
        paid = (await client.get(other)).text

    assert first == {"added": 1, "free": 1, "given": 0, "owed": 0}
    assert ("a coffee" in promised, "a coffee" in nothing) == (True, False)
    assert "All codes have been given out" in sorry
    assert counted == {"free": 0, "given": 1, "owed": 1}
    assert second == {"added": 2, "free": 1, "given": 2, "owed": 0}
    assert "NEW-1" in paid
    assert "hearback_ingest_survey_coupons_missing_total 1.0" in await metrics(world)


async def metrics(world: World) -> str:
    async with world.client() as client:
        return (await client.get("/metrics")).text


async def test_who_walks_in_gets_a_coupon_and_nothing_that_needs_a_name(world: World) -> None:
    await rewarding(world, "coupon")
    await upload(world, "KIOSK-1")
    place = await placed(world, "thanks", kiosk=True)
    async with world.client() as client:
        for _ in range(2):
            page = (await begin(client, place)).headers["location"]
            for question in list(ANSWERS)[1:]:
                last = await give(client, page, question)
            anew = await client.get(page, follow_redirects=True)
        await client.put("/v1/surveys/thanks", json={**(await client.get("/v1/surveys/thanks")).json()["document"],
                                                     "incentive": {"kind": "draw", "text": TEXT}})  # fmt: skip
        drawn = await client.get(place)

    assert "We are sorry: all codes have been given out." in last.text
    assert ("KIOSK-1" in anew.text, "a coffee" in drawn.text) == (False, False)
    assert (await upload(world, "KIOSK-2"))["owed"] == 0
    assert (await upload(world, "KIOSK-3"))["free"] == 2, "nobody comes back to a kiosk for a code"


async def test_a_draw_is_held_once_among_each_set_of_entrants_and_anybody_can_repeat_it(world: World) -> None:
    await rewarding(world, "draw")
    for number in range(7):
        await complete(world, f"c-{number}")
    await world.rows("UPDATE survey_invitations SET contact = '{}', person = NULL WHERE contact->>'customer' = 'c-0'")
    async with world.client() as client:
        held = await client.post(
            "/v1/surveys/thanks/draws", json={"winners": 2, "seed": "lottery 4 8 15"}, headers={"Idempotency-Key": "d"}
        )
        again = await client.post(
            "/v1/surveys/thanks/draws", json={"winners": 2, "seed": "lottery 4 8 15"}, headers={"Idempotency-Key": "d"}
        )
        nobody = await client.post("/v1/surveys/thanks/draws", json={"winners": 2})
        await complete(world, "later")
        last = await client.post("/v1/surveys/thanks/draws", json={"winners": 5})
        listed = (await client.get("/v1/surveys/thanks/draws")).json()["items"]

    draw = held.json()
    assert (held.status_code, again.json(), nobody.status_code) == (201, draw, 409)
    assert draw["entrants"] == [2, 3, 4, 5, 6, 7], "who was erased is not in it"
    assert draw["winners"] == sorted(range(2, 8), key=lambda n: sha256(f"lottery 4 8 15:{n}".encode()).hexdigest())[:2]
    assert (last.json()["entrants"], last.json()["winners"], len(last.json()["seed"])) == ([8], [8], 32)
    assert listed == [last.json(), draw]


async def test_no_code_is_given_twice_however_many_finish_at_once(world: World) -> None:
    await rewarding(world, "coupon")
    await upload(world, *(f"C-{number}" for number in range(12)))
    pages = [await world.link("thanks") for _ in range(15)]
    async with world.client() as client:
        for page in pages:
            for question in list(ANSWERS)[:-1]:
                await give(client, page, question)
        await asyncio.gather(*(give(client, page, "improve") for page in pages for _ in range(2)))

    given = await world.rows("SELECT code, invitation FROM survey_coupons WHERE invitation IS NOT NULL")
    assert len(given) == len({row["code"] for row in given}) == len({row["invitation"] for row in given}) == 12
    assert [one["number"] for one in await rewards(world)] == list(range(1, 16))
