"""Endpoints over HTTP: made, shown, changed, rotated, tried, disabled; by their own tenant alone, audited, secrets sealed."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from services.ingest.adapters import adapters
from services.ingest.personal.policy import Policies
from shared.clock import utc_now
from shared.contracts.access import TenantRecord
from shared.database.engine import Sessions
from shared.settings import DatabaseSettings
from tests.ingest.channels.replica import PUBLIC_URL, Replica, made, ok, send, serving, thing
from tests.ingest.channels.vendor import signed

NEW: dict[str, Any] = {"channel": "loopback", "name": "here", "secrets": {"secret": "s1-secret"}, "zone": "Asia/Shanghai"}


async def test_a_new_endpoint_says_what_to_paste_and_how_to_test_and_never_its_secrets(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        answer = await client.post("/v1/endpoints", json=NEW)
        shown = await ok(client.get(f"/v1/endpoints/{answer.json()['id']}"))
        listed = await ok(client.get("/v1/endpoints"))

    made = answer.json()
    assert answer.status_code == 201
    assert made["url"] == f"{PUBLIC_URL}/v1/channels/loopback/{made['id']}"
    assert made["setup"] == [f"Paste {made['url']}", "Test: send something"]
    assert len(made["id"]) == 32
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    assert (shown["zone"], shown["requests"], shown["error"]) == ("Asia/Shanghai", 0, None)
    assert "s1-secret" not in answer.text + json.dumps([shown, listed])
    async with sessions() as session:
        stored = (await session.execute(text("SELECT sealed FROM channel_secrets"))).scalar_one()
        audited = (await session.execute(text("SELECT action, object, after FROM audit"))).one()
    assert b"s1-secret" not in stored
    assert (audited.action, audited.object) == ("create", f"endpoint:{made['id']}")
    assert "s1-secret" not in json.dumps(audited.after)


async def test_an_endpoint_whose_vendor_tells_its_secret_last_waits_for_it(replica: Replica) -> None:
    async with replica.client() as client:
        made = await ok(client.post("/v1/endpoints", json={"channel": "loopback", "name": "here"}), 201)
        path = f"/v1/endpoints/{made['id']}"
        early = await send(client, made["id"], {"things": [thing("1")]}, "s1")
        rotated = await ok(client.post(f"{path}/rotate", json={"secrets": {"secret": "s1"}}))
        await replica.directory._look()
        taken = await send(client, made["id"], {"things": [thing("1")]}, "s1")
        form = await ok(client.post("/v1/endpoints", json={"channel": "form", "name": "needs none"}), 201)

    assert made["error"] == f"it has no secrets yet: give them with POST {path}/rotate"
    assert (early.status_code, early.headers["retry-after"], taken.status_code) == (503, "5", 202)
    assert (rotated["error"], rotated["former_secrets_until"], form["error"]) == (None, None, None)
    assert [event["id"] for event in replica.events] == ["1"]


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"channel": "carrier_pigeon"}, ["channel"]),
        ({"secrets": {}}, ["secrets", "secret"]),
        ({"secrets": {"secret": 7}}, ["secrets", "secret"]),
        ({"options": {"colour": "red"}}, ["options", "colour"]),
        ({"zone": "Nowhere and back"}, ["body", "zone"]),
    ],
)
async def test_what_the_channel_does_not_take_is_said_field_by_field(replica: Replica, change: dict[str, Any], loc: list[str]) -> None:
    async with replica.client() as client:
        answer = await client.post("/v1/endpoints", json=NEW | change)

    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [loc]


async def test_what_is_wrong_in_a_mapping_is_said_in_terms_of_json_and_once(replica: Replica) -> None:
    mapping = {"type": "feedback.comment_posted", "id": "$.id", "fields": {"text": "$.text"}}
    wanted = {"channel": "generic", "name": "n", "secrets": {"secret": "s" * 16}, "options": {"events": [mapping]}}
    unreadable = {"channel": "app_store", "name": "n", "secrets": {"issuer_id": "i", "key_id": "k", "private_key": "p"}}
    async with replica.client() as client:
        errors = (await client.post("/v1/endpoints", json=wanted)).json()["errors"]
        key = (await client.post("/v1/endpoints", json={**unreadable, "options": {"app_id": "1"}})).json()["errors"]

    assert errors == [{"loc": ["options", "events", 0, "id"], "msg": "Input should be a list"}]
    assert [error["msg"].partition(" ")[0] for error in key] == ["private_key"]


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "Europe"])
async def test_a_zone_that_nobody_knows_is_refused(replica: Replica, zone: str) -> None:
    async with replica.client() as client:
        answer = await client.post("/v1/endpoints", json=NEW | {"zone": zone})

    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["zone"])


async def test_a_country_that_has_no_telephones_is_refused(replica: Replica) -> None:
    async with replica.client() as client:
        made = await client.post("/v1/endpoints", json=NEW | {"country": "ZZ"})

    assert (made.status_code, made.json()["errors"][0]["loc"]) == (422, ["body", "country"])


async def test_numbers_without_a_country_code_are_of_the_endpoints_country_else_of_the_tenants(
    channels_database: DatabaseSettings, sessions: Sessions
) -> None:
    tenant = TenantRecord(tenant="acme", name="ACME", country="DE", created_at=utc_now())
    async with serving(channels_database, sessions, policies=Policies({"acme": tenant}, None)) as replica, replica.client() as client:
        endpoint = (await ok(client.post("/v1/endpoints", json=NEW | {"country": "GB", "secrets": {"secret": "s1"}}), 201))["id"]
        await send(client, endpoint, {"things": [thing("1", phone="020 7946 0018")]})
        changed = await ok(client.patch(f"/v1/endpoints/{endpoint}", json={"country": None, "name": "there"}))
        await replica.directory._look()
        await send(client, endpoint, {"things": [thing("2", phone="030 901820")]})
        body = json.dumps({"things": [thing("3", phone="030 901820")]})
        tried = await ok(client.post(f"/v1/endpoints/{endpoint}/try", json={"body": body}))

    told = [*replica.events, *(one["event"] for one in tried["events"])]
    assert changed["country"] is None
    assert [event["data"]["customer"]["phone"] for event in told] == ["+442079460018", "+4930901820", "+4930901820"]


async def test_the_same_request_with_its_key_makes_one_endpoint(replica: Replica) -> None:
    async with replica.client() as client:
        first, second = [await ok(client.post("/v1/endpoints", json=NEW, headers={"idempotency-key": "k"}), 201) for _ in range(2)]
        other = await client.post("/v1/endpoints", json=NEW | {"name": "there"}, headers={"idempotency-key": "k"})

    assert first == second
    assert other.status_code == 422


async def test_channels_say_what_they_want_to_be_told_as_json_schema(replica: Replica) -> None:
    async with replica.client() as client:
        items = {item["name"]: item for item in (await ok(client.get("/v1/channels")))["items"]}

    assert items.keys() == adapters().keys()
    assert items["typeform"]["secrets"]["properties"]["secret"]["description"]
    assert items["loopback"]["options"]["additionalProperties"] is False


async def test_a_change_of_options_is_in_force_at_once_and_audited(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        kept = await send(client, endpoint, {"garbled": True})
        changed = await ok(client.patch(f"/v1/endpoints/{endpoint}", json={"options": {"strict": False}, "name": "there"}))
        await replica.directory._look()
        taken = await send(client, endpoint, {"garbled": True})
        wrong = await client.patch(f"/v1/endpoints/{endpoint}", json={"options": {"strict": "perhaps not"}})

    assert (kept.content, taken.content) == (b"kept", b"taken")
    assert (changed["version"], changed["name"], changed["options"]) == (2, "there", {"strict": False})
    assert wrong.status_code == 422
    async with sessions() as session:
        audited = (await session.execute(text("SELECT before, after FROM audit WHERE action = 'change'"))).one()
    assert (audited.before["name"], audited.after["name"]) == ("here", "there")


async def test_rotated_secrets_hold_beside_the_former_ones_until_the_overlap_is_over(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/endpoints/{endpoint}/rotate"
        rotated = await ok(client.post(path, json={"secrets": {"secret": "s2"}, "overlap_seconds": 3600}))
        await replica.directory._look()
        during = [(await send(client, endpoint, {}, secret)).status_code for secret in ("s1", "s2", "s3")]
        async with sessions.begin() as session:
            await session.execute(text("UPDATE channel_secrets SET valid_until = now() WHERE valid_until IS NOT NULL"))
            await session.execute(text("UPDATE channel_endpoints SET version = version + 1"))
        await replica.directory._look()
        after = [(await send(client, endpoint, {}, secret)).status_code for secret in ("s1", "s2")]

    assert rotated["former_secrets_until"] is not None
    assert during == [202, 202, 401]
    assert after == [401, 202]


async def test_a_second_rotation_within_the_overlap_leaves_the_first_secrets_valid(replica: Replica) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        for secret in ("s2", "s3"):
            await ok(client.post(f"/v1/endpoints/{endpoint}/rotate", json={"secrets": {"secret": secret}}))
        await replica.directory._look()
        answers = [(await send(client, endpoint, {}, secret)).status_code for secret in ("s1", "s2", "s3")]

    assert answers == [202, 202, 202]


async def test_a_disabled_endpoint_is_gone_for_everybody_and_nothing_of_it_is_fetched(replica: Replica, sessions: Sessions) -> None:
    async with replica.client() as client:
        endpoint = await made(client)
        await send(client, endpoint, {"fetches": {"a": {}}})
        deleted = await client.delete(f"/v1/endpoints/{endpoint}")
        await replica.directory._look()
        answers = [await send(client, endpoint, {"things": [thing("1")]}), await client.get(f"/v1/endpoints/{endpoint}"),
                   await client.delete(f"/v1/endpoints/{endpoint}")]  # fmt: skip
        listed = await ok(client.get("/v1/endpoints"))

    assert deleted.status_code == 204
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert (listed["items"], replica.events) == ([], [])
    async with sessions() as session:
        for table in ("channel_fetches", "channel_secrets"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_trying_a_pasted_payload_shows_what_it_would_become_and_stores_nothing(replica: Replica, sessions: Sessions) -> None:
    body = json.dumps({"things": [thing("1"), thing("2", channel="fax")], "fetches": {"a": {}}, "passed_over": {"echo": 2}})
    async with replica.client() as client:
        endpoint = await made(client)
        path = f"/v1/endpoints/{endpoint}/try"
        tried = await ok(client.post(path, json={"body": body}))
        wrong = await ok(client.post(path, json={"body": body, "headers": signed(b"other"), "verify": True}))
        right = await ok(client.post(path, json={"body": body, "headers": signed(body.encode()), "verify": True}))
        garbled = await ok(client.post(path, json={"body": "no json"}))
        await replica.tally.write()
        state = await ok(client.get(f"/v1/endpoints/{endpoint}"))

    good, refused = tried["events"]
    assert (good["event"]["data"]["text"], good["event"]["source"]) == ("well done", f"/channels/loopback/{endpoint}")
    assert good["refused"] is None
    assert refused["refused"].startswith("invalid_data: data.channel")
    assert (tried["fetches"], tried["passed_over"], tried["answer_status"]) == (["a"], {"echo": 2}, 202)
    assert (wrong["problem"], wrong["detail"], wrong["events"]) == ("not_proven", "wrong_signature", [])
    assert [one["event"]["id"] for one in right["events"]] == ["1", "2"]
    assert garbled["problem"] == "unreadable"
    assert (replica.events, state["requests"], state["fetches_waiting"]) == ([], 0, 0)
    async with sessions() as session:
        for table in ("outbox", "channel_unreadable", "channel_fetches"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_another_tenant_finds_nothing_of_it_on_any_route(replica: Replica) -> None:
    async with replica.client() as ours, replica.client("other") as theirs:
        endpoint = await made(ours)
        path = f"/v1/endpoints/{endpoint}"
        await send(ours, endpoint, {"garbled": True})
        [kept] = (await ok(ours.get(f"{path}/unreadable")))["items"]
        answers = [
            await theirs.get(path), await theirs.delete(path), await theirs.patch(path, json={"name": "mine"}),
            await theirs.post(f"{path}/rotate", json={"secrets": {"secret": "x"}}), await theirs.post(f"{path}/try", json={"body": ""}),
            await theirs.get(f"{path}/unreadable"), await theirs.post(f"{path}/unreadable/replay"),
            await theirs.post(f"{path}/unreadable/{kept['id']}/replay"), await theirs.get(f"{path}/fetches"),
            await theirs.post(f"{path}/fetches/replay", json={}),
        ]  # fmt: skip
        listed = await ok(theirs.get("/v1/endpoints"))
        still = await send(ours, endpoint, {"things": [thing("1")]})

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert listed["items"] == []
    assert still.status_code == 202


async def test_without_the_scope_nothing_is_shown(replica: Replica) -> None:
    async with replica.client("acme reader") as client:
        answers = [await client.get("/v1/endpoints"), await client.get("/v1/channels"), await client.post("/v1/endpoints", json=NEW)]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
