"""Tenants and keys over HTTP: made once however often they are asked for, good on every service, gone everywhere when revoked."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.clock import utc_now
from tests.system.platform import Platform, Service


@pytest_asyncio.fixture(scope="module")
async def operator(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with platform.client(ingest, await platform.key("system", ["operator", "admin"])) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def admin(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator of a tenant of its own."""
    async with platform.client(ingest, await platform.key("access", ["admin", "metrics:read"])) as client:
        yield client


def new_tenant(**fields: Any) -> dict[str, Any]:
    return {"id": f"t-{uuid4().hex[:12]}", "name": "Made for a test", **fields}


def repeating() -> dict[str, str]:
    return {"idempotency-key": uuid4().hex}


async def status_on(service: Service, key: str) -> int:
    async with httpx.AsyncClient(base_url=service.url) as client:
        return (await client.get("/v1/whoami", headers={"authorization": f"Bearer {key}"})).status_code


async def test_a_key_works_on_every_service_from_the_moment_it_was_given_out(
    admin: httpx.AsyncClient, ingest: Service, scoring: Service
) -> None:
    for _ in range(10):
        answer = await admin.post("/v1/keys", json={"scopes": ["metrics:read"]})
        key = answer.json()["key"]

        assert answer.status_code == 201
        assert await asyncio.gather(status_on(ingest, key), status_on(scoring, key)) == [200, 200]


async def test_a_revoked_key_is_refused_on_every_service_within_seconds(
    admin: httpx.AsyncClient, ingest: Service, scoring: Service
) -> None:
    made = (await admin.post("/v1/keys", json={"scopes": ["metrics:read"]})).json()
    assert await status_on(scoring, made["key"]) == 200

    revoked = await admin.delete(f"/v1/keys/{made['id']}")
    async with asyncio.timeout(10):
        while {await status_on(ingest, made["key"]), await status_on(scoring, made["key"])} != {401}:
            await asyncio.sleep(0.05)
    again = await admin.delete(f"/v1/keys/{made['id']}")

    assert revoked.json()["revoked_at"] is not None
    assert (again.status_code, again.json()) == (200, revoked.json())


async def test_a_key_that_expires_stops_working_by_itself(admin: httpx.AsyncClient, scoring: Service) -> None:
    expires_at = utc_now() + timedelta(seconds=4)
    key = (await admin.post("/v1/keys", json={"scopes": ["metrics:read"], "expires_at": expires_at.isoformat()})).json()["key"]

    before = await status_on(scoring, key)
    async with asyncio.timeout(30):
        while await status_on(scoring, key) != 401:
            await asyncio.sleep(0.05)

    assert before == 200
    assert utc_now() >= expires_at


async def test_a_key_is_shown_once_and_listed_without_its_secret(admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/v1/keys", json={"scopes": ["metrics:read", "cases:read"]})).json()

    pages, cursor = [], ""
    while cursor is not None:
        page = (await admin.get("/v1/keys", params={"limit": 2, "cursor": cursor})).json()
        pages, cursor = [*pages, *page["items"]], page["next"]

    (listed,) = (item for item in pages if item["id"] == made["id"])
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert len({item["id"] for item in pages}) == len(pages) > 2
    assert {item["tenant"] for item in pages} == {"access"}
    assert made["key"].split("_", 2)[2] not in str(pages)


@pytest.mark.parametrize("scope", ["operator", "everything"])
async def test_a_scope_that_a_tenant_cannot_give_is_refused(admin: httpx.AsyncClient, scope: str) -> None:
    answer = await admin.post("/v1/keys", json={"scopes": ["metrics:read", scope]})

    assert answer.status_code == (403 if scope == "operator" else 422)


async def test_the_same_idempotency_key_makes_one_tenant_and_is_answered_alike(operator: httpx.AsyncClient) -> None:
    tenant, headers = new_tenant(), repeating()

    first = await operator.post("/v1/tenants", json=tenant, headers=headers)
    again = await operator.post("/v1/tenants", json=tenant, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_many_requests_at_once_with_one_idempotency_key_make_one_tenant(operator: httpx.AsyncClient) -> None:
    tenant, headers = new_tenant(), repeating()

    answers = await asyncio.gather(*(operator.post("/v1/tenants", json=tenant, headers=headers) for _ in range(12)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


async def test_an_idempotency_key_with_another_body_is_422_and_changes_nothing(
    operator: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    first, second, headers = new_tenant(), new_tenant(), repeating()
    await operator.post("/v1/tenants", json=first, headers=headers)
    await admin.post("/v1/keys", json={"scopes": ["metrics:read"]}, headers=headers)

    of_tenant = await operator.post("/v1/tenants", json=second, headers=headers)
    of_key = await admin.post("/v1/keys", json={"scopes": ["cases:read"]}, headers=headers)

    for answer in (of_tenant, of_key):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:hearback:problem:idempotency_key_reused")
    assert (await operator.post("/v1/tenants", json=second)).status_code == 201


async def test_a_repeated_request_for_a_key_makes_no_second_one_and_does_not_show_the_first_again(admin: httpx.AsyncClient) -> None:
    headers = repeating()

    answers = await asyncio.gather(*(admin.post("/v1/keys", json={"scopes": ["cases:read"]}, headers=headers) for _ in range(6)))

    made = [answer.json() for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 409]
    assert (len(made), len(refused)) == (1, 5)
    for answer in refused:
        assert answer.json()["type"] == "urn:hearback:problem:key_already_made"
        assert made[0]["id"] in answer.json()["detail"] and made[0]["key"] not in answer.text


async def test_a_tenant_that_exists_is_409_and_stays_as_it_is(operator: httpx.AsyncClient) -> None:
    tenant = new_tenant()
    made = (await operator.post("/v1/tenants", json=tenant)).json()

    answer = await operator.post("/v1/tenants", json={**tenant, "name": "taken over"})

    listed: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = (await operator.get("/v1/tenants", params={"limit": 5, "cursor": cursor})).json()
        listed, cursor = [*listed, *page["items"]], page["next"]
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hearback:problem:tenant_exists")
    assert [item for item in listed if item["id"] == tenant["id"]] == [made]


@pytest.mark.parametrize(
    ("method", "path", "request_", "statuses"),
    [
        ("POST", "/v1/keys", {"json": {"scopes": []}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"], "expires_at": "2027-01-01T00:00:00"}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"], "expires_at": "9999-12-31T23:59:59Z"}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"], "expires_at": "9999-12-31T23:59:59-14:00"}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"], "expires_at": "0001-01-01T00:00:00+14:00"}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"]}, "headers": {"idempotency-key": "x" * 257}}, {422}),
        ("POST", "/v1/keys", {"json": {"scopes": ["metrics:read"]}, "headers": {"idempotency-key": b"\xff\xfe"}}, {201}),
        ("POST", "/v1/keys", {"content": b'{"scopes": ["\\ud800"]}', "headers": {"content-type": "application/json"}}, {422}),
        ("POST", "/v1/keys", {"content": b" " * 6_000_000}, {413}),
        ("GET", "/v1/keys", {"params": {"cursor": "\0"}}, {422}),
        ("GET", "/v1/keys", {"params": {"limit": "0"}}, {422}),
        ("GET", "/v1/keys?cursor=%ff%fe", {}, {200, 422}),
        ("DELETE", "/v1/keys/%00", {}, {422}),
        ("DELETE", "/v1/keys/" + "x" * 5000, {}, {404}),
        ("DELETE", "/v1/keys/%ED%A0%80", {}, {404}),
    ],
)
async def test_hostile_requests_for_keys_are_refused_and_never_a_500(
    admin: httpx.AsyncClient, method: str, path: str, request_: dict[str, Any], statuses: set[int]
) -> None:
    answer = await admin.request(method, path, **request_)

    assert answer.status_code in statuses, answer.text
    assert answer.is_success or answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "fields",
    [{"id": "Upper"}, {"id": "a:b"}, {"id": ""}, {"name": "a\0b"}, {"name": ""}, {"zone": "a b"}, {"zone": "../etc"}, {"languages": ["x"]},
     {"languages": ["en\0"]}, {"owner": "x"}, {"name": "x" * 257}],
)  # fmt: skip
async def test_a_tenant_that_no_contract_could_name_is_refused_by_field(operator: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    answer = await operator.post("/v1/tenants", json=new_tenant(**fields))

    assert answer.status_code == 422
    assert [error["loc"][:2] for error in answer.json()["errors"]] == [["body", next(iter(fields))]]
