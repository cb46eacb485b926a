"""The routes of alerts on a real database: configuration, acknowledgement, deliveries, and tenants that never see each other."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text

from services.alerts.api.alerts import alert_routes, delivery_routes
from services.alerts.api.configuration import receiver_routes, route_routes, rule_routes
from services.alerts.timers import GroupLooks
from shared.clock import utc_now
from shared.database.engine import Sessions
from shared.database.timers import TimerMetrics
from shared.delivery.secrets import SecretBox
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.alerts.events import clock, happen, sampled, told

RULE: dict[str, Any] = {"metric": "csat", "window": "1h", "condition": {"below": 0.7}}
HOOK: dict[str, Any] = {"kind": "webhook", "url": "https://example.org/hook"}


class Keys:
    """shared.web.access.Access with keys named `<tenant>`, and `<tenant> reader` that may not write."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant, _, reader = authorization.removeprefix("Bearer ").partition(" ")
        scopes = {"alerts:read"} if reader else {"alerts:read", "alerts:write"}
        return Principal(tenant, "k1", frozenset(scopes if tenant != "stranger" else {"metrics:read"}), None)


def serving(sessions: Sessions, key: str, box: SecretBox | None) -> httpx.AsyncClient:
    registry = CollectorRegistry()
    routers = [rule_routes(sessions, utc_now), route_routes(sessions, utc_now), receiver_routes(sessions, utc_now, box),
               alert_routes(sessions, utc_now), delivery_routes(sessions)]  # fmt: skip
    app = create_app(title="alerts", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                     requests=RequestMetrics("alerts", registry), routers=routers)  # fmt: skip
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alerts", headers=headers)


@pytest_asyncio.fixture
async def client(sessions: Sessions) -> AsyncIterator[httpx.AsyncClient]:
    box = SecretBox(SecretStr(Fernet.generate_key().decode()), "KEY")
    async with serving(sessions, "acme", box) as client:
        yield client


async def asked(client: httpx.AsyncClient, method: str, path: str, status: int = 200, **more: Any) -> Any:
    response = await client.request(method, path, **more)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


async def look(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await GroupLooks(TimerMetrics("hearback_test", CollectorRegistry()), "http://alerts").fire(session, 100)


async def test_a_rule_is_saved_in_versions_shown_and_deleted(client: httpx.AsyncClient, sessions: Sessions) -> None:
    first = await asked(client, "PUT", "/v1/rules/low", json=RULE)
    same = await asked(client, "PUT", "/v1/rules/low", json=RULE)
    second = await asked(client, "PUT", "/v1/rules/low", json={**RULE, "for": "5m"})
    await happen(sessions, sampled(1, 0, 0.9))
    shown = await asked(client, "GET", "/v1/rules/low")
    page = await asked(client, "GET", "/v1/rules", params={"limit": 2})
    rest = await asked(client, "GET", "/v1/rules", params={"cursor": page["next"]})
    await asked(client, "DELETE", "/v1/rules/low", 204)
    again = await asked(client, "PUT", "/v1/rules/low", json=RULE)

    assert (first["version"], first["status"], same["version"], second["version"]) == (1, "waiting_for_data", 1, 2)
    assert (shown["status"], shown["document"]["for"]) == ("evaluating", "5m")
    assert [item["id"] for item in (*page["items"], *rest["items"])] == ["clock-breached", "csat-low", "low", "nps-negative"]
    assert again["version"] == 4


async def test_what_makes_no_sense_is_refused_field_by_field(client: httpx.AsyncClient) -> None:
    rule = await asked(client, "PUT", "/v1/rules/low", 422, json={**RULE, "min_samples": 0, "plan": "x"})
    named = await asked(client, "PUT", "/v1/rules/low", 422, json={**RULE, "rule": "high"})
    route = await asked(client, "PUT", "/v1/routes", 422, json={"receiver": "nobody"})
    url = await asked(client, "PUT", "/v1/receivers/r", 422, json={"kind": "webhook", "url": "ftp://x"})
    secret = await asked(client, "PUT", "/v1/receivers/r", 422, json={**HOOK, "secrets": ["short"]})

    assert {tuple(error["loc"]) for error in rule["errors"]} == {("body", "min_samples"), ("body", "plan")}
    assert "as in the path" in named["detail"]
    assert "there is no receiver nobody" in route["detail"]
    assert url["errors"][0]["loc"][-1] == "url"
    assert secret["errors"][0]["loc"] == ["body", "secrets", 0]


async def test_a_new_webhook_gets_a_secret_that_is_shown_once(client: httpx.AsyncClient, sessions: Sessions) -> None:
    made = await asked(client, "PUT", "/v1/receivers/desk", json=HOOK)
    changed = await asked(client, "PUT", "/v1/receivers/desk", json={**HOOK, "send_resolved": False})
    shown = await asked(client, "GET", "/v1/receivers/desk")

    assert made["new_secret"].startswith("whsec_")
    assert changed["new_secret"] is None
    assert "secret" not in str(shown)
    async with sessions.begin() as session:
        stored = str((await session.execute(text("SELECT * FROM receivers, audit"))).all())
    assert made["new_secret"] not in stored


async def test_without_a_key_to_seal_with_no_webhook_can_be_made(sessions: Sessions) -> None:
    async with serving(sessions, "acme", None) as client:
        refused = await asked(client, "PUT", "/v1/receivers/desk", 409, json=HOOK)

        assert refused["type"].endswith("no_secrets_key")
        await asked(client, "PUT", "/v1/receivers/mail", json={"kind": "email", "to": ["a@example.org"]})


async def test_routes_name_receivers_that_exist_and_these_stay_while_they_are_named(client: httpx.AsyncClient) -> None:
    shipped = await asked(client, "GET", "/v1/routes")
    await asked(client, "PUT", "/v1/receivers/desk", json=HOOK)
    saved = await asked(client, "PUT", "/v1/routes", json={"receiver": "desk"})
    kept = await asked(client, "DELETE", "/v1/receivers/desk", 409)
    reset = await asked(client, "DELETE", "/v1/routes")
    await asked(client, "DELETE", "/v1/receivers/desk", 204)

    assert (shipped["origin"], saved["version"], reset["document"]) == ("shipped", 2, shipped["document"])
    assert kept["type"].endswith("in_use")
    assert (await asked(client, "GET", "/v1/receivers"))["items"] == []


async def test_an_alert_is_acknowledged_and_resolved_by_people(client: httpx.AsyncClient, sessions: Sessions) -> None:
    await happen(sessions, clock("breached", 2, 3, breached=3), clock("breached", 2, 4, case="case-2", breached=4))
    page = await asked(client, "GET", "/v1/alerts", params={"limit": 1})
    rest = await asked(client, "GET", "/v1/alerts", params={"cursor": page["next"]})
    id = page["items"][0]["id"]

    taken = await asked(client, "POST", f"/v1/alerts/{id}/acknowledge")
    twice = await asked(client, "POST", f"/v1/alerts/{id}/acknowledge")
    ended = await asked(client, "POST", f"/v1/alerts/{id}/resolve", json={"reason": "called the customer"})
    again = await asked(client, "POST", f"/v1/alerts/{id}/resolve")

    assert [item["case"] for item in (*page["items"], *rest["items"])] == ["case-2", "case-1"]
    assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "key:k1")
    assert (twice, again) == (taken, ended)
    assert (ended["state"], ended["reason"]) == ("resolved", "called the customer")
    assert [what for what, _, _ in await told(sessions)] == ["fired", "fired", "acknowledged", "resolved"]
    assert [item["case"] for item in (await asked(client, "GET", "/v1/alerts", params={"state": "firing"}))["items"]] == ["case-1"]


async def test_a_dead_delivery_is_replayed_under_its_own_id_and_another_is_not(client: httpx.AsyncClient, sessions: Sessions) -> None:
    await asked(client, "PUT", "/v1/receivers/default", json=HOOK)
    await happen(sessions, clock("breached", 2, 3, breached=3))
    await look(sessions)
    [delivery] = (await asked(client, "GET", "/v1/deliveries"))["items"]
    path = f"/v1/deliveries/{delivery['id']}"

    early = await asked(client, "POST", f"{path}/replay", 409)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE deliveries SET state = 'dead', dead_because = 'refused', finished_at = now()"))
    replayed = await asked(client, "POST", f"{path}/replay", 202)
    detail = await asked(client, "GET", path)

    assert early["type"].endswith("not_dead")
    assert (replayed["id"], replayed["state"]) == (delivery["id"], "pending")
    assert len(detail["alerts"]) == 1


async def test_nothing_of_another_tenant_is_found_changed_or_listed(client: httpx.AsyncClient, sessions: Sessions) -> None:
    await asked(client, "PUT", "/v1/rules/low", json=RULE)
    await asked(client, "PUT", "/v1/receivers/default", json=HOOK)
    await happen(sessions, clock("breached", 2, 3, breached=3))
    await look(sessions)
    [alert] = (await asked(client, "GET", "/v1/alerts"))["items"]
    [delivery] = (await asked(client, "GET", "/v1/deliveries"))["items"]

    async with serving(sessions, "globex", None) as other:
        for method, path in (
            ("GET", "/v1/rules/low"),
            ("DELETE", "/v1/rules/low"),
            ("GET", "/v1/receivers/default"),
            ("DELETE", "/v1/receivers/default"),
            ("GET", f"/v1/alerts/{alert['id']}"),
            ("POST", f"/v1/alerts/{alert['id']}/acknowledge"),
            ("POST", f"/v1/alerts/{alert['id']}/resolve"),
            ("GET", f"/v1/deliveries/{delivery['id']}"),
            ("POST", f"/v1/deliveries/{delivery['id']}/replay"),
            ("GET", f"/v1/alerts/{uuid.uuid4()}"),
        ):
            await asked(other, method, path, 404)
        for path in ("/v1/alerts", "/v1/deliveries", "/v1/receivers"):
            assert (await asked(other, "GET", path))["items"] == []
        assert "low" not in {item["id"] for item in (await asked(other, "GET", "/v1/rules"))["items"]}

    assert (await asked(client, "GET", f"/v1/alerts/{alert['id']}"))["state"] == "firing"


@pytest.mark.parametrize(("key", "status"), [("stranger", 403), ("acme reader", 403), ("", 401)])
async def test_keys_that_may_not_are_refused(sessions: Sessions, key: str, status: int) -> None:
    async with serving(sessions, key, None) as client:
        if not key:
            del client.headers["Authorization"]
        await asked(client, "PUT", "/v1/rules/low", status, json=RULE)
        await asked(client, "PUT", "/v1/routes", status, json={"receiver": "default"})
        await asked(client, "POST", f"/v1/alerts/{uuid.uuid4()}/resolve", status)


async def test_a_cursor_that_is_none_of_ours_is_refused(client: httpx.AsyncClient) -> None:
    for path in ("/v1/alerts", "/v1/deliveries"):
        refused = await asked(client, "GET", path, 422, params={"cursor": "nonsense"})
        assert refused["errors"][0]["loc"] == ["query", "cursor"]
