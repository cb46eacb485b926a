"""Whatever is sent, by whatever way, good or broken: none of the personal data in it reaches the logs or metrics of any service."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest_asyncio

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from tests.ingest.surveys.world import document
from tests.shared.delivery.test_mail import Mailbox
from tests.shared.kafka.reading import mark, read
from tests.system.cases import all_cases
from tests.system.connecting import connect, signature
from tests.system.expectations import everything_read
from tests.system.platform import Platform, Service

PERSONAL = {
    "card": "5555 5555 5555 4444",
    "iban": "DE89 3704 0044 0532 0130 00",
    "email": "ann.lee.5c1d@personal.example",
    "phone": "+49 30 5550 1234",
    "national_id": "078-05-1120",
    "name": "Annabel Leighton-Personal",
    "id": "customer-personal-5c1d",
}
SAID = "; ".join(PERSONAL.values())
CUSTOMER = {name: PERSONAL[name] for name in ("id", "email", "phone", "name")}
REFUSED_BY_MAIL = "550@personal.example"
PATIENCE_SECONDS = 30
NDJSON = {"content-type": "application/x-ndjson"}


@pytest_asyncio.fixture
async def replica(platform: Platform) -> AsyncIterator[Service]:
    """An ingest that tells all it has to tell."""
    service = await platform.start("ingest", more={"HEARBACK_INGEST_LOG_LEVEL": "debug"})
    yield service
    await platform.stop(service)


def complaint() -> dict[str, Any]:
    data = {"channel": "web", "text": SAID, "customer": CUSTOMER}
    return {"id": PERSONAL["id"], "type": "feedback.complaint_raised.v1", "time": utc_now().isoformat(), "data": data}


def spoilt() -> list[Any]:
    """The same, broken in one place each."""
    whole = complaint()
    return [
        {**whole, "data": {**whole["data"], "channel": SAID}},
        {**whole, "data": {**whole["data"], SAID: SAID}},
        {**whole, "data": {**whole["data"], "customer": {**CUSTOMER, "email": SAID}}},
        {**whole, "type": SAID},
        {**whole, "time": SAID},
        {**whole, "tenant": PERSONAL["id"]},
        {**whole, "backfill": SAID},
        SAID,
    ]


async def send_events(client: httpx.AsyncClient, tenant: str) -> set[int]:
    """In every form, whole and broken; the statuses of the answers."""
    whole, said = complaint(), SAID.encode()
    binary = {"content-type": "application/json", "ce-specversion": "1.0", "ce-id": PERSONAL["id"], "ce-type": whole["type"],
              "ce-time": whole["time"], "ce-source": "/crm"}  # fmt: skip
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (json.dumps(whole).encode(), {}),
        (json.dumps([whole, *spoilt()]).encode(), {}),
        *((json.dumps(event).encode(), {}) for event in spoilt()),
        (said, {}),
        (b"\x1f\x8b" + said, {"content-encoding": "gzip"}),
        (gzip.compress(json.dumps(whole).encode()), {"content-encoding": "gzip"}),
        (said, {"content-encoding": PERSONAL["id"]}),
        (json.dumps(whole).encode(), {"idempotency-key": PERSONAL["id"], "prefer": PERSONAL["id"]}),
        (b"\n".join(json.dumps(event).encode() for event in [whole] * 5001 + spoilt()), NDJSON),
        (json.dumps(whole["data"]).encode(), binary),
        (json.dumps(whole).encode(), {"authorization": f"Bearer hb_{PERSONAL['id']}_x"}),
    ]
    answers = [await client.post("/v1/events", content=body, headers=headers) for body, headers in bodies]
    answers += [
        await client.get(f"/v1/events/{PERSONAL['email']}"),
        await client.patch(f"/v1/tenants/{tenant}", json={"redaction": True, "name": PERSONAL["name"]}),
        await client.post("/v1/events", json=[{**whole, "id": "redacted"}, *spoilt()]),
    ]
    return {answer.status_code for answer in answers}


async def call_as_vendor(client: httpx.AsyncClient) -> None:
    """A webhook that cannot be read, one that is not proven, one tried out, and what is kept of them."""
    endpoint = await connect(client)
    for body in (SAID.encode(), json.dumps({"event_type": SAID, "form_response": complaint()}).encode()):
        await client.post(f"/v1/channels/typeform/{endpoint}", content=body, headers=signature(body))
        await client.post(f"/v1/channels/typeform/{endpoint}", content=body, headers={"typeform-signature": PERSONAL["email"]})
        await client.post(f"/v1/endpoints/{endpoint}/try", json={"body": body.decode(), "headers": {"x-from": PERSONAL["email"]}})
    await client.post("/v1/endpoints", json={"channel": SAID, "name": SAID, "secrets": {"secret": SAID}})
    assert (await client.post(f"/v1/endpoints/{endpoint}/unreadable/replay")).is_success
    assert (await client.get(f"/v1/endpoints/{endpoint}/unreadable", params={"cursor": SAID})).is_success


async def import_files(client: httpx.AsyncClient) -> dict[str, Any]:
    """A file with good and refused rows, whose name is a person's, and two that are no file; what became of the first."""
    rows = "\n".join(json.dumps(event) for event in [complaint(), *spoilt()])
    asked = {"file_name": f"{PERSONAL['name']}.ndjson", "name": PERSONAL["id"], "start": "true"}
    made = await client.post("/v1/imports", params=asked, content=rows.encode())
    await client.post(
        "/v1/imports", params={"file_name": f"{PERSONAL['email']}.xlsx", "start": "true"}, content=b"PK\x03\x04" + SAID.encode()
    )
    await client.post("/v1/imports", params={"file_name": SAID}, content=f"Date,{SAID}\n{SAID},{SAID}\n".encode())
    await client.get(f"/v1/imports/{PERSONAL['id']}")
    views: list[dict[str, Any]] = [{"state": "checking"}]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while {"checking", "running"} & {view["state"] for view in views}:
            await asyncio.sleep(0.1)
            views = (await client.get("/v1/imports")).json()["items"]
    refused = await client.get(f"/v1/imports/{made.json()['id']}/refused")
    assert SAID in refused.text
    return next(view for view in views if view["id"] == made.json()["id"])


async def ask(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    """A survey by mail that arrives, one that is refused, one answered on the page and one typed in; each also wrongly."""
    assert (await client.post("/v1/surveys", json={"id": "personal", "document": document(ways=["email"])})).status_code == 201
    invitations = "/v1/surveys/personal/invitations"
    named = {"name": PERSONAL["name"]}
    people = [{"customer": CUSTOMER}, {"customer": {**named, "id": f"{PERSONAL['id']}-refused", "email": REFUSED_BY_MAIL}}]
    assert (await client.post(invitations, json={"people": people})).status_code == 201
    linked = (
        await client.post(invitations, json={"way": "link", "people": [{"customer": {**named, "id": PERSONAL["id"] + "-linked"}}]})
    ).json()["items"][0]
    page, said = urlsplit(linked["url"]).path, {"score": SAID, "q": SAID, "lang": SAID}
    assert (await client.get(page, params=said)).status_code == 200
    for fields in ({"question": "improve", "text": SAID}, {"question": "effort", "score": SAID}, {"question": SAID, SAID: SAID}):
        await client.post(page, data=fields)
    await client.get(f"/s/{PERSONAL['id']}")
    for answers in ({"improve": {"text": SAID}}, {SAID: {"text": SAID}}):
        await client.post(f"{invitations}/{linked['id']}/answers", json={"answers": answers})
    for path in ("", "/find", "/withdraw"):
        assert (await client.post(f"/v1/survey-opt-outs{path}", json={"email": "other." + PERSONAL["email"]})).is_success
        await client.post(f"/v1/survey-opt-outs{path}", json={"email": SAID})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while PERSONAL["email"] not in {str(mail["To"]) for mail in mailbox.mails}:
            await asyncio.sleep(0.1)
        while (await client.get("/v1/surveys/personal/results")).json()["totals"]["failed"] == {}:
            await asyncio.sleep(0.1)


async def write_on_the_form(client: httpx.AsyncClient) -> None:
    """An entry that is taken, and one in which everything is wrong."""
    form = (await client.post("/v1/endpoints", json={"channel": "form", "name": "Shop"})).json()["id"]
    entry = {"entry": str(uuid4()), "kind": "complaint", "text": SAID, **{name: PERSONAL[name] for name in ("name", "email", "phone")}}
    for sent, status in ((entry, 200), (dict.fromkeys(entry, SAID), 422)):
        assert (await client.post(f"/f/{form}", params={"touchpoint": SAID}, data=sent)).status_code == status
    for path in ("poster", "code.svg"):
        assert (await client.get(f"/f/{form}/{path}", params={"touchpoint": PERSONAL["name"]})).status_code == 200


async def test_none_of_the_personal_data_reaches_logs_or_metrics(
    platform: Platform, replica: Service, scoring: Service, closed_loop: Service, alerts: Service, mailbox: Mailbox
) -> None:
    since, tenant = await mark(platform.kafka_settings, FEEDBACK_EVENTS, FEEDBACK_BACKFILL), f"personal-{uuid4().hex[:8]}"
    key = await platform.key(tenant)
    async with platform.client(replica, key) as client:
        statuses = await send_events(client, tenant)
        await call_as_vendor(client)
        imported = await import_files(client)
        await ask(client, mailbox)
        await write_on_the_form(client)
    async with platform.client(scoring, key) as reading, platform.client(closed_loop, key) as loop, platform.client(alerts, key) as alarm:
        await everything_read(reading)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(await all_cases(loop)) < 2:
                await asyncio.sleep(0.2)
        for asked in (
            reading.get("/v1/metrics", params={"metric": SAID}),
            loop.get(f"/v1/cases/{PERSONAL['id']}"),
            loop.post("/v1/cases", json={"text": SAID, "channel": SAID}),
            alarm.put(f"/v1/rules/{PERSONAL['id']}", json={SAID: SAID}),
        ):
            assert (await asked).status_code in (404, 422)
    async with httpx.AsyncClient() as client:
        metrics = [(await client.get(f"{service.url}/metrics")).text for service in platform.services]

    told = "".join([*(service.log() for service in platform.services), *metrics])
    stored = [event for record in await read(platform.kafka_settings, since) if (event := json.loads(record.value))["tenant"] == tenant]
    assert statuses == {202, 400, 401, 403, 404, 415, 422, 200}
    assert (imported["state"], imported["accepted"], imported["refused"]) == ("done", 1, len(spoilt()))
    assert {event["type"].split(".")[1] for event in stored} == {
        "complaint_raised",
        "survey_sent",
        "survey_opened",
        "survey_answered",
        "survey_failed",
    }
    assert '"action": "request"' in told
    assert [name for name, value in PERSONAL.items() if value in told or value.replace(" ", "") in told] == []
    assert REFUSED_BY_MAIL not in told
