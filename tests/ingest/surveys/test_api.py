"""Definitions over HTTP: versions, advice, templates, opt-outs; another tenant's are not there."""

import pytest

from services.ingest.surveys.domain.templates import TEMPLATES
from tests.ingest.surveys.world import World, document


async def test_a_survey_is_made_from_a_template_changed_and_retired_and_each_step_is_audited(world: World) -> None:
    async with world.client() as client:
        made = await client.post("/v1/surveys", json={"id": "loyalty", "template": "nps"})
        changed = await client.put("/v1/surveys/loyalty", json=document("nps", fatigue_days=90))
        retired = await client.delete("/v1/surveys/loyalty")
        first = await client.get("/v1/surveys/loyalty?version=1")
        versions = await client.get("/v1/surveys/loyalty/versions")

    assert [made.status_code, changed.status_code, retired.status_code] == [201, 200, 200]
    assert made.json()["document"] == TEMPLATES["nps"].model_dump(mode="json")
    assert (changed.json()["version"], changed.json()["document"]["fatigue_days"]) == (2, 90)
    assert retired.json()["document"]["active"] is False
    assert first.json()["document"] == made.json()["document"]
    assert [one["version"] for one in versions.json()["items"]] == [3, 2, 1]
    audited = await world.rows("SELECT actor, action, object FROM audit ORDER BY position")
    assert [tuple(row.values()) for row in audited] == [("key:k1", kind, "survey:loyalty") for kind in ("create", "update", "update")]


async def test_a_survey_that_is_too_long_is_made_and_advised_against(world: World) -> None:
    questions = [{"kind": "csat", "id": f"q{n}", "text": {"en": "How?", "zh-Hans": "如何？"}} for n in range(14)]

    made = await world.make("long", questions=questions)

    assert made["warnings"] == ["a customer is asked 14 questions; 5 to 10 are answered best"]


async def test_the_same_request_again_makes_one_survey_and_another_with_its_name_is_refused(world: World) -> None:
    async with world.client() as client:
        wanted = {"id": "loyalty", "template": "nps"}
        answers = [await client.post("/v1/surveys", json=wanted, headers={"Idempotency-Key": "1"}) for _ in range(2)]
        other = await client.post("/v1/surveys", json=wanted)
        listed = await client.get("/v1/surveys")

    assert answers[0].json() == answers[1].json()
    assert other.status_code == 409
    assert [one["id"] for one in listed.json()["items"]] == ["loyalty"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/surveys/mine"),
        ("GET", "/v1/surveys/mine/versions"),
        ("PUT", "/v1/surveys/mine"),
        ("DELETE", "/v1/surveys/mine"),
        ("POST", "/v1/surveys/mine/invitations"),
        ("POST", "/v1/surveys/mine/invitations/i-1/answers"),
        ("GET", "/v1/surveys/mine/results"),
        ("POST", "/v1/surveys/mine/notes"),
    ],
)
async def test_what_belongs_to_another_tenant_is_not_there(world: World, method: str, path: str) -> None:
    await world.make("mine")
    async with world.client("ingest:write") as client:
        await client.post("/v1/surveys/mine/invitations", json={"people": [{"id": "i-1"}]})
    bodies = {"PUT": document(), "invitations": {"people": [{"customer": {"id": "c"}}]}, "answers": {"answers": {"effort": {"score": 1}}},
              "notes": {"subject": {"en": "s"}, "text": {"en": "t"}}}  # fmt: skip
    body = bodies.get(method) or bodies.get(path.rpartition("/")[2])
    scope = "metrics:read" if path.endswith("results") else "ingest:write" if "invitations" in path else "admin"

    async with world.client(scope, tenant="umbrella") as client:
        answer = await client.request(method, path, json=body)

    assert answer.status_code == 404, answer.text


async def test_an_opt_out_holds_under_every_name_of_the_person_until_they_take_it_back(world: World) -> None:
    async with world.client("ingest:write") as client:
        await client.post("/v1/survey-opt-outs", json={"email": "Ann@Example.com", "phone": "+49 151 1"})
        known = [(await client.post("/v1/survey-opt-outs/find", json=who)).json()["opted_out"]
                 for who in ({"email": "ann@example.com"}, {"phone": "+491511"}, {"email": "bob@example.com"})]  # fmt: skip
        nobody = await client.post("/v1/survey-opt-outs", json={})
    async with world.client("admin") as client:
        await client.post("/v1/survey-opt-outs/withdraw", json={"email": "ann@example.com", "phone": "+491511"})
    async with world.client("ingest:write") as client:
        after = (await client.post("/v1/survey-opt-outs/find", json={"email": "ann@example.com"})).json()["opted_out"]

    assert (known, nobody.status_code, after) == ([True, True, False], 422, False)


async def test_a_tenant_whose_zone_this_machine_does_not_know_has_surveys_all_the_same(world: World) -> None:
    await world.rows("UPDATE tenants SET zone = 'Europe/Nowhere'")
    made = await world.make("wave", "nps")
    await world.rows("UPDATE surveys SET zone = 'Europe/Nowhere'")
    async with world.client() as client:
        retired = await client.delete("/v1/surveys/wave")

    assert (made["zone"], retired.status_code, retired.json()["document"]["active"]) == ("UTC", 200, False)


async def test_a_survey_that_is_retired_asks_nobody_by_hand_either(world: World) -> None:
    await world.make("after-contact")
    async with world.client() as client:
        await client.delete("/v1/surveys/after-contact")
    async with world.client("ingest:write") as client:
        asked = await client.post("/v1/surveys/after-contact/invitations", json={"people": [{"customer": {"id": "c"}}]})

    assert (asked.status_code, asked.json()["type"].rpartition(":")[2]) == (409, "survey_retired")
