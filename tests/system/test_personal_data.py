"""What a tenant wants done to personal data is done on every replica and every way in."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_EVENTS
from tests.shared.kafka.reading import Mark, mark, read
from tests.system.platform import TENANT_SCOPES, Platform, Service

CARD = "4111 1111 1111 1111"


@pytest_asyncio.fixture(scope="module")
async def replica(platform: Platform) -> AsyncIterator[Service]:
    """Another ingest, which has a key for pseudonyms."""
    service = await platform.start("ingest", more={"HEARBACK_INGEST_PSEUDONYMS_KEY": "a key of forty characters for pseudonyms"})
    yield service
    await platform.stop(service)


@pytest_asyncio.fixture
async def admin(platform: Platform, ingest: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The administrator of a tenant of its own."""
    async with platform.client(ingest, await platform.key(f"personal-{uuid4().hex[:8]}", TENANT_SCOPES)) as client:
        yield client


async def tenant_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/whoami")).json()["tenant"])


async def on(service: Service, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same caller at another replica."""
    return httpx.AsyncClient(base_url=service.url, headers=client.headers, timeout=30)


def complaint(text: str, **customer: Any) -> dict[str, Any]:
    event = {
        "id": uuid4().hex,
        "type": "feedback.complaint_raised.v1",
        "time": utc_now().isoformat(),
        "data": {"channel": "web", "text": text},
    }
    return {**event, "data": {**event["data"], "customer": customer}} if customer else event  # type: ignore[dict-item]


async def stored(platform: Platform, since: Mark, tenant: str) -> Sequence[dict[str, Any]]:
    events = [json.loads(record.value or b"{}") for record in await read(platform.kafka_settings, since)]
    return [event for event in events if event["tenant"] == tenant]


async def test_redaction_that_an_administrator_switches_on_holds_on_every_replica(
    platform: Platform, ingest: Service, replica: Service, admin: httpx.AsyncClient
) -> None:
    tenant, since = await tenant_of(admin), await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with await on(replica, admin) as other:
        await other.post("/v1/events", json=complaint(f"before {CARD}"))
        changed = await other.patch(f"/v1/tenants/{tenant}", json={"country": "DE", "redaction": True})
        await other.post("/v1/events", json=complaint(f"after {CARD}, Tel. 030 1234567", phone="030 1234567"))
        counted = [line for line in (await other.get("/metrics")).text.splitlines() if line.startswith("hearback_ingest_redactions_total")]
        shown = (await admin.get(f"/v1/tenants/{tenant}")).json()
    await admin.patch(f"/v1/tenants/{tenant}", json={"redacted": ["phone"]})
    await admin.post("/v1/events", json=complaint(f"elsewhere {CARD}, Tel. 030 1234567"))

    events = await stored(platform, since, tenant)
    texts = {event["data"]["text"].split()[0]: event["data"]["text"] for event in events}
    assert changed.status_code == 200
    assert shown == changed.json()
    assert {'hearback_ingest_redactions_total{kind="card"} 1.0', 'hearback_ingest_redactions_total{kind="phone"} 1.0'} <= set(counted)
    assert texts == {
        "before": f"before {CARD}",
        "after": "after [card], Tel. [phone]",
        "elsewhere": f"elsewhere {CARD}, Tel. [phone]",
    }
    assert [e["data"]["customer"]["phone"] for e in events if "customer" in e["data"]] == ["+49301234567"]


async def test_pseudonyms_are_the_same_on_every_way_in_and_need_a_key(
    platform: Platform, ingest: Service, replica: Service, admin: httpx.AsyncClient
) -> None:
    tenant, since = await tenant_of(admin), await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    without = await admin.patch(f"/v1/tenants/{tenant}", json={"pseudonyms": True})
    async with await on(replica, admin) as other:
        changed = await other.patch(f"/v1/tenants/{tenant}", json={"pseudonyms": True})
        for email in ("Ann@Example.com", "ann@example.com"):
            await other.post("/v1/events", json=complaint("late", email=email, name="Ann"))

    customers = [event["data"]["customer"] for event in await stored(platform, since, tenant)]
    assert (without.status_code, without.json()["type"]) == (422, "urn:hearback:problem:no_pseudonyms_key")
    assert changed.json()["pseudonyms"] is True
    assert len(customers) == 2
    assert customers[0] == customers[1]
    assert customers[0]["email"].endswith("@pseudonym.invalid")
    assert "name" not in customers[0]


async def test_where_pseudonyms_are_wanted_and_cannot_be_made_nothing_is_taken(
    platform: Platform, ingest: Service, replica: Service, admin: httpx.AsyncClient
) -> None:
    tenant, since = await tenant_of(admin), await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with await on(replica, admin) as other:
        await other.patch(f"/v1/tenants/{tenant}", json={"pseudonyms": True})
    await admin.patch(f"/v1/tenants/{tenant}", json={"redaction": True})  # answered when this replica has it, and so what was before it

    answer = await admin.post("/v1/events", json=complaint("late", email="ann@example.com"))

    assert answer.status_code == 503
    assert await stored(platform, since, tenant) == []


async def test_a_tenant_is_changed_by_its_administrator_and_the_operator_only_and_every_change_is_audited(
    platform: Platform, ingest: Service, admin: httpx.AsyncClient
) -> None:
    tenant = await tenant_of(admin)
    async with platform.client(ingest, await platform.key("system", ["operator"])) as operator:
        by_operator = await operator.patch(f"/v1/tenants/{tenant}", json={"name": "Renamed"})
    async with platform.client(ingest, await platform.key(tenant, ["ingest:write"])) as writer:
        by_writer = await writer.patch(f"/v1/tenants/{tenant}", json={"redaction": True})
    of_another = await admin.patch("/v1/tenants/system", json={"redaction": True})
    nothing = await admin.patch(f"/v1/tenants/{tenant}", json={"name": "Renamed"})
    await admin.patch(f"/v1/tenants/{tenant}", json={"redaction": True})

    async with platform.database("ingest") as database:
        rows = await database.fetch(
            "SELECT actor, before, after FROM audit WHERE tenant = $1 AND action = 'change' ORDER BY position", tenant
        )
    assert [answer.status_code for answer in (by_operator, by_writer, of_another, nothing)] == [200, 403, 404, 200]
    changes = [(json.loads(row["before"]), json.loads(row["after"])) for row in rows]
    assert [{name for name in after if before[name] != after[name]} for before, after in changes] == [{"name"}, {"redaction"}]
    assert all(row["actor"].startswith("key:") for row in rows)


async def test_what_no_tenant_can_be_is_refused(admin: httpx.AsyncClient) -> None:
    tenant = await tenant_of(admin)
    wrong = (
        {"country": "XX"},
        {"country": "de"},
        {"redacted": ["cards"]},
        {"national_ids": ["SE"]},
        {"zone": None},
        {"id": "other"},
        {"name": ""},
    )

    answers = [await admin.patch(f"/v1/tenants/{tenant}", json=change) for change in wrong]

    assert [answer.status_code for answer in answers] == [422] * len(wrong)
