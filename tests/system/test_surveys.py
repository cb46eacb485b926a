"""From an interaction to a number: asked by mail, opened, answered, counted; and what was in hand when a process was killed."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from shared.clock import utc_now
from shared.contracts.topics import FEEDBACK_EVENTS
from tests.ingest.surveys.world import document
from tests.shared.delivery.test_mail import Mailbox
from tests.shared.kafka.reading import mark, read
from tests.system.platform import Platform, Service

PATIENCE_SECONDS = 30.0


@pytest_asyncio.fixture(scope="module")
async def replica(platform: Platform) -> Service:
    """Another process of the role, until the last test that uses it kills it."""
    return await platform.start("ingest", roles=["surveys"])


def completed(id: str, address: str) -> dict[str, Any]:
    data = {"channel": "chat", "touchpoint": "hotline", "language": "en", "customer": {"id": f"c-{id}", "email": address}}
    return {"type": "interaction.completed.v1", "id": id, "source": "/crm", "time": "2026-03-01T09:30:00Z", "data": data}


async def mailed(mailbox: Mailbox, address: str) -> str:
    """The path of the page that a mail to this address leads to."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (found := [mail for mail in mailbox.mails if str(mail["To"]) == address]):
            await asyncio.sleep(0.05)
    body = found[0].get_body(("plain",))
    assert body is not None
    return re.findall(r"http://[^/]+(/s/[\w-]+)\s", str(body.get_content()))[0]


async def until_number(client: httpx.AsyncClient, metric: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            items = (await client.get("/v1/metrics", params={"metric": metric, "window": "1h"})).json()["items"]
            if items and items[0]["n"]:
                return dict(items[0])
            await asyncio.sleep(0.1)


async def survey_events(platform: Platform, since: Any, tenant: str, count: int) -> list[dict[str, Any]]:
    """The events of surveys of this tenant, as soon as they are so many."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            events = [json.loads(record.value) for record in await read(platform.kafka_settings, since)]
            ours = [one for one in events if one["tenant"] == tenant and one["type"].startswith("feedback.survey_")]
            if len(ours) >= count:
                return ours
            await asyncio.sleep(0.1)


async def test_an_interaction_is_asked_about_by_mail_and_the_answer_becomes_numbers(
    platform: Platform, ingest: Service, scoring: Service, mailbox: Mailbox
) -> None:
    tenant, since = f"asking-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    key, address = await platform.key(tenant), f"{tenant}@example.com"
    async with platform.client(ingest, key) as client:
        survey = document("nps", mode="after", wave=None, latest_hours=8760, triggers=[{"type": "interaction.completed.v1"}])
        made = await client.post("/v1/surveys", json={"id": "loyalty", "document": survey})
        assert made.status_code == 201, made.text
        assert (await client.post("/v1/events", json=completed("i-1", address))).status_code == 202
        page = await mailed(mailbox, address)

        opened = await client.get(f"{page}?score=9")
        for question, field, value in (("recommend", "score", "9"), ("reason", "choice", "price"), ("overall", "score", "5")):
            assert (await client.post(page, data={"question": question, field: value})).status_code == 303
        results = (await client.get("/v1/surveys/loyalty/results")).json()
    async with platform.client(scoring, key) as reading:
        nps, csat, rate = [await until_number(reading, metric) for metric in ("nps", "csat", "response_rate")]

    assert "Yes, my answer is 9" in opened.text
    assert (nps["value"], nps["n"], csat["value"], csat["n"]) == (100, 1, 1, 1)
    assert (rate["value"], rate["n"], rate["components"]) == (1, 1, {"answered": 1, "sent": 1})
    events = await survey_events(platform, since, tenant, 5)
    [invitation] = {one["data"]["invitation"] for one in events}
    assert sorted((one["type"].split(".")[1], one["id"]) for one in events) == sorted(
        [("survey_sent", f"{invitation}:sent"), ("survey_opened", f"{invitation}:opened"), *[("survey_answered", invitation)] * 3]
    )
    assert {(one["data"]["customer"]["id"], one["data"]["touchpoint"], one["data"]["channel"]) for one in events} == {
        ("c-i-1", "hotline", "email")
    }
    assert (results["totals"]["sent"], results["totals"]["answered"], results["response_rate"]) == (1, 1, 1.0)


async def test_two_replicas_give_each_coupon_once_and_one_to_each_who_answered(
    platform: Platform, ingest: Service, replica: Service
) -> None:
    key = await platform.key(f"coupons-{uuid4().hex[:8]}")
    coffee = {"kind": "coupon", "text": {"en": "a coffee", "zh-Hans": "一杯咖啡"}}
    survey = document("nps", mode="instant", wave=None, incentive=coffee, questions=document("nps")["questions"][:1])
    codes, people = [f"C-{number}" for number in range(20)], [{"customer": {"id": f"c-{number}"}} for number in range(28)]
    async with platform.client(ingest, key) as one, platform.client(replica, key) as two:
        assert (await one.post("/v1/surveys", json={"id": "thanks", "document": survey})).status_code == 201
        await one.post("/v1/surveys/thanks/coupons", json={"codes": codes})
        made = (await one.post("/v1/surveys/thanks/invitations", json={"way": "link", "people": people})).json()["items"]
        paths = [httpx.URL(invitation["url"]).path for invitation in made]
        answer = {"question": "recommend", "score": "9"}
        await asyncio.gather(*(client.post(path, data=answer) for path in paths for client in (one, two)))
        pages = [(await client.get(path)).text for path, client in zip(paths, [one, two] * 14, strict=True)]
        counted = (await two.get("/v1/surveys/thanks/coupons")).json()
        rewards = (await two.get("/v1/surveys/thanks/rewards")).json()["items"]

    assert sorted(code for page in pages for code in re.findall(r"C-\d+", page)) == sorted(codes)
    assert sum("All codes have been given out" in page for page in pages) == 8
    assert counted == {"free": 0, "given": 20, "owed": 8}
    assert [one["number"] for one in rewards] == list(range(1, 29))
    assert len({one["customer"]["id"] for one in rewards}) == 28


async def test_everybody_is_asked_and_told_once_although_a_replica_is_killed_while_it_sends(
    platform: Platform, ingest: Service, replica: Service, mailbox: Mailbox
) -> None:
    tenant, since = f"killed-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    key = await platform.key(tenant)
    addresses = [f"{tenant}-{number}@example.com" for number in range(60)]
    async with platform.client(ingest, key) as client:
        await client.post("/v1/surveys", json={"id": "effort", "document": document(latest_hours=8760)})
        events = [completed(f"i-{number}", address) for number, address in enumerate(addresses)]
        assert (await client.post("/v1/events", json=events)).status_code == 202
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(str(mail["To"]) in addresses for mail in mailbox.mails) < 5:
                await asyncio.sleep(0.01)
        await replica.kill()
        platform.services.remove(replica)
        told = await survey_events(platform, since, tenant, 60)

    reached = [str(mail["To"]) for mail in mailbox.mails if str(mail["To"]) in addresses]
    assert set(reached) == set(addresses)
    assert len({mail["Message-ID"] for mail in mailbox.mails if str(mail["To"]) in addresses}) == 60, "what is sent twice is the same mail"
    assert len({(one["source"], one["id"]) for one in told}) == 60


async def test_who_walks_in_and_who_writes_back_become_numbers(platform: Platform, ingest: Service, scoring: Service) -> None:
    tenant, since = f"instant-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    key, writer = await platform.key(tenant), "whatsapp:4915112345678"
    async with platform.client(ingest, key) as client:
        survey = document("nps", mode="instant", wave=None)
        made = await client.post("/v1/surveys", json={"id": "instant", "document": survey})
        assert made.status_code == 201, made.text
        place = (await client.post("/v1/surveys/instant/places", json={"touchpoint": "till 3", "kiosk": True})).json()
        path = f"/s/at/{place['id']}"
        visit = re.findall(r'name="visit" value="([^"]+)"', (await client.get(path)).text)[0]
        walked_in = await client.post(path, data={"visit": visit, "question": "recommend", "score": "10"})
        asked = {"way": "chat", "people": [{"customer": {"id": writer}, "touchpoint": "chat"}]}
        [begun] = (await client.post("/v1/surveys/instant/invitations", json=asked)).json()["items"]
        said = {"channel": "messaging", "text": "九分", "customer": {"id": writer}}
        message = {"type": "feedback.message_received.v1", "id": "m-1", "source": "/channels/whatsapp/w", "time": utc_now().isoformat()}
        assert (await client.post("/v1/events", json=[{**message, "data": said}] * 2)).status_code == 202
        events = await survey_events(platform, since, tenant, 4)
    async with platform.client(scoring, key) as reading, asyncio.timeout(PATIENCE_SECONDS):
        while (nps := await until_number(reading, "nps"))["n"] < 2:
            await asyncio.sleep(0.1)
        rate = await until_number(reading, "response_rate")

    assert (walked_in.status_code, begun["state"]) == (303, "sent")
    assert sorted(one["type"].split(".")[1] for one in events) == ["survey_answered", "survey_answered", "survey_opened", "survey_sent"]
    answered = {one["data"]["touchpoint"]: one["data"]["answers"][0]["score"] for one in events if "answers" in one["data"]}
    assert answered == {"till 3": 10, "chat": 9}
    assert (nps["value"], nps["n"]) == (100, 2)
    assert (rate["value"], rate["components"]) == (1, {"answered": 1, "sent": 1}), "who walks in was not sent anything"
