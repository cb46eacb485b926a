"""Kafka, then PostgreSQL are away, and the role is killed, while customers are asked and answer: nothing is lost, nothing is doubled."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from shared.contracts.topics import FEEDBACK_EVENTS
from tests.ingest.surveys.world import document
from tests.servers import KafkaServer, PostgresServer
from tests.shared.delivery.test_mail import Mailbox, mail_server
from tests.shared.kafka.reading import mark, read
from tests.system.platform import SHORT_WAITS, Platform

PEOPLE = 30
PATIENCE_SECONDS = 60.0


@pytest_asyncio.fixture(scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    """Where all mails to customers arrive."""
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as mailbox.port:
        yield mailbox


@pytest_asyncio.fixture(scope="module")
async def platform(kafka_server: KafkaServer, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Ingest without surveys, and two replicas that are nothing else, on a PostgreSQL of their own."""
    postgres = await PostgresServer.start(tmp_path_factory.mktemp("postgres"))
    platform = Platform(kafka_server, postgres, tmp_path_factory.mktemp("services"))
    smtp = {"HOST": "localhost", "PORT": str(mailbox.port), "SENDER": "surveys@hearback.example", "ENCRYPTION": "none"}
    mails = {f"HEARBACK_INGEST_SMTP__{name}": value for name, value in smtp.items()}
    more = {"DELIVERY_TIMEOUT_SECONDS": "2", "SURVEY_MESSAGES_PER_SECOND": "200", "TRUSTED_PROXIES": "1"}
    more = {f"HEARBACK_INGEST_{name}": value for name, value in more.items()}
    await platform.prepare("ingest", waits={**SHORT_WAITS, **mails, **more})
    await asyncio.gather(platform.start("ingest", roles=["access"]), *(platform.start("ingest", roles=["surveys"]) for _ in range(2)))
    yield platform
    await platform.stop_all()
    await postgres.stop()


async def links(client: httpx.AsyncClient, tenant: str) -> list[str]:
    """The paths of as many pages, each of one customer."""
    await client.post("/v1/surveys", json={"id": "effort", "document": document(latest_hours=8760)})
    people = [{"id": f"{tenant}-{number}", "customer": {"id": f"c-{number}"}} for number in range(PEOPLE)]
    made = await client.post("/v1/surveys/effort/invitations", json={"way": "link", "people": people})
    assert made.status_code == 201, made.text
    return ["/s/" + str(one["url"]).rpartition("/")[2] for one in made.json()["items"]]


async def events_of(platform: Platform, since: Any, tenant: str, count: int, kind: str = "") -> list[dict[str, Any]]:
    """What was announced of this tenant's surveys, each event once, as soon as it is so much. A killed relay may have sent one twice."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            events = [json.loads(record.value) for record in await read(platform.kafka_settings, since)]
            ours = [one for one in events if one["tenant"] == tenant and one["type"].startswith(f"feedback.survey_{kind}")]
            each = {(one["id"], one["data"].get("revision", 1)): one for one in ours}
            if len(each) >= count:
                return list(each.values())
            await asyncio.sleep(0.1)


async def test_while_kafka_is_away_customers_answer_and_are_planned_as_ever_and_all_is_there_once_when_it_is_back(
    platform: Platform, mailbox: Mailbox
) -> None:
    tenant, since = f"no-kafka-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(platform.services[-1], await platform.key(tenant)) as client:
        pages = await links(client, tenant)
        platform.kafka.kill()
        visitors = [(page, {"X-Forwarded-For": f"192.0.2.{number}"}) for number, page in enumerate(pages)]
        opened = await asyncio.gather(*(client.get(page, headers=headers) for page, headers in visitors))
        answers = [{"question": "effort", "score": "2"}, {"question": "solved", "score": "1"}]
        saved = [await asyncio.gather(*(client.post(page, data=one, headers=headers) for page, headers in visitors)) for one in answers]
        people = [{"id": f"{tenant}-mail", "customer": {"email": f"{tenant}@example.com"}}]
        planned = await client.post("/v1/surveys/effort/invitations", json={"people": people})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(str(mail["To"]) == f"{tenant}@example.com" for mail in mailbox.mails):
                await asyncio.sleep(0.05)
        results = (await client.get("/v1/surveys/effort/results")).json()
        await platform.kafka.restart()
    told = await events_of(platform, since, tenant, 4 * PEOPLE + 1)

    assert {one.status_code for one in opened} == {200}
    assert {one.status_code for answered in saved for one in answered} == {303}
    assert (planned.status_code, results["totals"]["answered"]) == (201, PEOPLE)
    answered = {(one["id"], one["data"].get("revision", 1)) for one in told if one["type"].startswith("feedback.survey_answered")}
    assert answered == {(f"{tenant}-{number}", revision) for number in range(PEOPLE) for revision in (1, 2)}
    assert Counter(one["type"].split(".")[1] for one in told) == {
        "survey_sent": PEOPLE + 1, "survey_opened": PEOPLE, "survey_answered": 2 * PEOPLE,
    }  # fmt: skip


async def test_while_postgresql_is_away_the_page_says_so_in_the_visitors_language_and_afterwards_takes_the_answer(
    platform: Platform,
) -> None:
    tenant, since = f"no-postgres-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    async with platform.client(platform.services[-1], await platform.key(tenant)) as client:
        page, *_ = await links(client, tenant)
        platform.postgres.kill()
        english = await client.get(page)
        chinese = await client.post(page, data={"question": "effort", "score": "2"}, headers={"Accept-Language": "zh-CN"})
        asked = await client.post("/v1/surveys/effort/invitations", json={"people": [{"customer": {"id": "c"}}]})
        await platform.postgres.restart()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (saved := await client.post(page, data={"question": "effort", "score": "2"})).status_code == 503:
                await asyncio.sleep(0.1)
        answered = await events_of(platform, since, tenant, 1, "answered")

    assert [(one.status_code, one.headers["retry-after"]) for one in (english, chinese)] == [(503, "60")] * 2
    assert "try again" in english.text.lower() and "请" in chinese.text
    assert '<html lang="en">' in english.text and '<html lang="zh-Hans">' in chinese.text
    assert (asked.status_code, "retry-after" in asked.headers) == (503, True)
    assert saved.status_code == 303
    assert [one["data"]["answers"][0]["score"] for one in answered] == [2]
    assert {service.ended for service in platform.services} == {None}


async def test_a_wave_whose_planner_is_killed_and_then_its_sender_asks_everybody_once(platform: Platform, mailbox: Mailbox) -> None:
    tenant, since = f"killed-{uuid4().hex[:8]}", await mark(platform.kafka_settings, FEEDBACK_EVENTS)
    count = 300
    async with platform.client(platform.services[-1], await platform.key(tenant)) as client:
        survey = document("nps", mode="wave", wave={"every": "month"}, sampling=None, fatigue_days=1)
        assert (await client.post("/v1/surveys", json={"id": "wave", "document": survey})).status_code == 201
        async with platform.database("ingest") as database:
            await database.execute(
                """
                INSERT INTO survey_contacts (tenant, person, touchpoint, contact, segment, region, product, last_at)
                SELECT $1, encode(sha256(convert_to($1 || n, 'UTF8')), 'hex'), 'shop',
                    jsonb_build_object('customer', 'c-' || n, 'email', $1 || '-' || n || '@example.com'), '', '', '',
                    date_trunc('month', now()) - interval '2 days'
                FROM generate_series(1, $2) AS n
                """,
                tenant, count,
            )  # fmt: skip
            await database.execute("UPDATE surveys SET next_wave_at = date_trunc('month', now()) WHERE tenant = $1", tenant)
            planned = "SELECT count(*) FROM survey_invitations WHERE tenant = $1"
            sent = f"{planned} AND sent_at IS NOT NULL"
            for so_many, query in ((1, planned), (20, sent)):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await database.fetchval(query, tenant) < so_many:
                        await asyncio.sleep(0.005)
                await platform.services.pop().kill()
            await platform.start("ingest", roles=["surveys"])
            told = await events_of(platform, since, tenant, count, "sent")
            attempts = await database.fetchval(
                "SELECT count(*) FROM delivery_attempts JOIN deliveries ON id = delivery WHERE tenant = $1 AND verdict IS NULL", tenant
            )

    mails = [mail for mail in mailbox.mails if str(mail["To"]).startswith(tenant)]
    assert {str(mail["To"]) for mail in mails} == {f"{tenant}-{number}@example.com" for number in range(1, count + 1)}
    assert len({mail["Message-ID"] for mail in mails}) == count, "what is sent twice is the same mail"
    assert len(mails) - count <= attempts, "only what a killed process had in hand is sent twice"
    assert len(told) == count
