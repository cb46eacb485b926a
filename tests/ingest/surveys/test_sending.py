"""Invitations on their way: real mail on loopback, texts and WeChat messages over HTTP, reminders, failures, one click to get no more."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.surveys.senders import Senders
from services.ingest.surveys.sending import SurveyReceivers
from shared.clock import utc_now
from shared.delivery.delivery import DeliveryPolicy
from shared.delivery.loop import DeliveryLoop
from shared.delivery.mail import MailSender, SmtpServer
from shared.delivery.metrics import DeliveryMetrics
from shared.delivery.sms import SmsGateway, SmsSender
from shared.delivery.wechat import WeChatAccount, WeChatSender
from shared.settings import DatabaseSettings
from tests.ingest.surveys.serving import serving
from tests.ingest.surveys.world import PACES, URL, World, contact
from tests.shared.delivery.test_mail import Mailbox, mail_server

QUICK = DeliveryPolicy(lease_seconds=15.0, timeout_seconds=1.0, first_retry_seconds=0.05)


@asynccontextmanager
async def delivering(world: World, database: DatabaseSettings, senders: Senders) -> AsyncIterator[None]:
    """The loop of deliveries at work."""
    loop = DeliveryLoop(
        database,
        world.sessions,
        SurveyReceivers(world.reaching(senders), world.events, URL),
        DeliveryMetrics("test", CollectorRegistry()),
        QUICK,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop, lambda: None))
    try:
        yield
    finally:
        stop.set()
        await running


async def until(world: World, query: str, seconds: float = 10) -> None:
    """Wait until this query of booleans says true."""
    async with asyncio.timeout(seconds):
        while not (await world.rows(f"SELECT ({query}) AS true"))[0]["true"]:
            await asyncio.sleep(0.02)


def mails_over(port: int) -> Senders:
    server = SmtpServer.model_validate({"host": "localhost", "port": port, "sender": "surveys@hearback.example", "encryption": "none"})
    return Senders({"email": MailSender(server, utc_now)}, PACES)


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


@pytest.mark.parametrize(
    ("language", "says", "stops"), [("en", "Start the survey", "No more surveys from us"), ("zh", "开始填写", "不再接收调查")]
)
async def test_a_mail_invites_in_the_customers_language_and_one_tap_is_not_yet_an_answer(
    world: World, surveys_database: DatabaseSettings, language: str, says: str, stops: str
) -> None:
    await world.make("after-contact", incentive={"kind": "points", "text": {"en": "100 points", "zh-Hans": "100 积分"}})
    await world.happen(contact("ann", language=language, customer={"name": "Ann"}))
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")

    [mail] = mailbox.mails
    text, html = part(mail, "plain"), part(mail, "html")
    for content in (text, html):
        assert says in content
        assert stops in content
        assert "100" in content
        assert len(re.findall(r"/s/[\w-]+\?score=[1-7]\b", content)) == 7
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}">' in html
    assert "ACME 公司" in str(mail["From"])
    [scored] = re.findall(r"http://surveys.example(/s/[\w-]+\?score=6)", text)
    async with world.client() as client:
        page = await client.get(scored)
    assert 'value="6">' in page.text
    assert await world.said("answered") == []
    assert len(await world.said("sent")) == 1


async def test_one_click_of_the_mail_program_ends_all_surveys_and_a_visit_does_not(
    world: World, surveys_database: DatabaseSettings
) -> None:
    await world.make("after-contact", reminder_hours=1)
    await world.happen(contact("ann"))
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")
    [mail] = mailbox.mails
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = str(mail["List-Unsubscribe"]).strip("<>")
    world.visitors._burst, world.visitors._per_second = 1, 0.0  # a provider's scanner has used up what its address may
    async with world.client() as client:
        scanned = [(await client.get(address)).status_code for _ in range(2)]
        visited = await world.rows("SELECT * FROM survey_opt_outs")
        clicked = await client.post(address, data={"List-Unsubscribe": "One-Click"})

    assert (scanned, visited, clicked.status_code) == ([200, 429], [], 200)
    [invitation] = await world.invitations()
    assert {row["person_key"] for row in await world.rows("SELECT * FROM survey_opt_outs")} == set(invitation["person_keys"])
    assert (invitation["state"], invitation["next_at"]) == ("sent", None)


async def test_who_has_not_finished_is_reminded_with_another_link_and_sent_is_told_once(
    world: World, surveys_database: DatabaseSettings
) -> None:
    await world.make("after-contact", reminders=1, reminder_hours=1)
    await world.happen(contact("ann"))
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, "SELECT every(next_at IS NOT NULL AND sent_at IS NOT NULL) FROM survey_invitations")
        await world.rows("UPDATE survey_invitations SET next_at = now()")
        await world.fire()
        await until(world, "SELECT count(*) = 2 FROM deliveries WHERE state = 'delivered'")

    first, second = (re.findall(r"/s/([\w-]+)\s", part(mail, "plain"))[-1] for mail in mailbox.mails)
    assert str(mailbox.mails[1]["Subject"]).startswith("A reminder: ")
    assert first != second
    async with world.client() as client:
        assert [(await client.get(f"/s/{token}")).status_code for token in (first, second)] == [200, 200]
    assert len(await world.said("sent")) == 1
    [invitation] = await world.invitations()
    assert (invitation["sends"], invitation["next_at"]) == (2, None)


async def test_an_address_that_takes_no_mail_is_a_failed_survey(world: World, surveys_database: DatabaseSettings) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann", customer={"email": "550@example.com"}))
    async with mail_server(Mailbox(), None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, "SELECT every(state = 'failed') FROM survey_invitations")

    [failed] = await world.said()
    assert (failed["type"], failed["data"]["reason"]) == ("feedback.survey_failed.v1", "the mail server answered 550")
    assert "example.com" not in str(failed["data"]["reason"])


async def test_of_many_sent_by_two_replicas_each_customer_gets_one(world: World, surveys_database: DatabaseSettings) -> None:
    await world.make("after-contact")
    await world.happen(*(contact(f"p{n}") for n in range(40)))
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port:
        senders = mails_over(port)
        async with delivering(world, surveys_database, senders), delivering(world, surveys_database, senders):
            fired = await asyncio.gather(world.fire(), world.fire())
            await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations", 20)

    assert sum(fired) == 40
    assert sorted(str(mail["To"]) for mail in mailbox.mails) == sorted(f"p{n}@example.com" for n in range(40))
    assert len({one["id"] for one in await world.said("sent")}) == len(await world.said("sent")) == 40


async def test_what_a_killed_process_had_in_hand_is_sent_by_another_and_told_once(world: World, surveys_database: DatabaseSettings) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"))
    await world.fire()
    await world.rows(
        "UPDATE deliveries SET state = 'leased', attempt = 1, lease_until = now() + interval '0.2 s', next_at = now() + interval '0.2 s'"
    )
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")

    assert len(mailbox.mails) == 1
    assert len(await world.said("sent")) == 1


@asynccontextmanager
async def gateway(answer: Any) -> AsyncIterator[tuple[str, list[tuple[Request, bytes]]]]:
    """An HTTP server on loopback that answers every POST with what `answer` makes of its path."""
    app, seen = FastAPI(), list[tuple[Request, bytes]]()

    @app.post("/{path:path}")
    async def take(request: Request, path: str) -> Any:
        seen.append((request, await request.body()))
        return answer(path)

    async with serving(app) as url:
        yield url, seen


@pytest.mark.parametrize("kind", ["twilio", "http"])
async def test_a_text_goes_out_over_twilio_or_any_gateway(world: World, surveys_database: DatabaseSettings, kind: str) -> None:
    await world.make("after-contact", ways=["sms"])
    await world.happen(contact("ann", customer={"phone": "+8613800138000"}, language="zh"))
    async with gateway(lambda _: {}) as (url, seen):
        settings = {"kind": kind, "sender": "+4930", "url": url, "account": "AC1", "token": "t0ken"}
        sender = SmsSender(SmsGateway.model_validate(settings))
        async with delivering(world, surveys_database, Senders({"sms": sender}, PACES)):
            await world.fire()
            await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")
        await sender.close()

    [(request, body)] = seen
    if kind == "twilio":
        sent = dict(httpx.QueryParams(body.decode()))
        assert request.url.path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert request.headers["authorization"] == httpx.BasicAuth("AC1", "t0ken")._auth_header
        assert (sent["To"], sent["From"]) == ("+8613800138000", "+4930")
        text = sent["Body"]
    else:
        sent = httpx.Response(200, content=body).json()
        assert request.headers["authorization"] == "Bearer t0ken"
        assert request.headers["idempotency-key"] == sent["id"]
        text = sent["text"]
    said = r"我们希望您轻松获得帮助。.*约 3 分钟。您的回答用于改进服务和回访，不用于广告。"  # purpose, minutes, privacy
    assert re.search(rf"^【ACME 公司】.*{said}问卷：http://surveys.example/s/[\w-]+ 退订：http://surveys.example/u/[\w-]+$", text)


async def test_a_wechat_template_message_goes_to_the_openid_and_a_stale_token_is_renewed(
    world: World, surveys_database: DatabaseSettings
) -> None:
    await world.make("after-contact", ways=["wechat"])
    await world.happen(contact("ann", customer={"attributes": {"wechat_openid": "oX1"}}))
    fields = {"thing1": "{title}", "thing2": "{company}", "thing3": "{minutes}, {privacy}"}
    answers = iter([{"access_token": "one"}, {"errcode": 42001}, {"access_token": "two"}, {"errcode": 0}])
    async with gateway(lambda _: next(answers)) as (url, seen):
        account = WeChatAccount.model_validate({"appid": "wx1", "secret": SecretStr("s"), "template": "T1", "fields": fields, "url": url})
        sender = WeChatSender(account)
        async with delivering(world, surveys_database, Senders({"wechat": sender}, PACES)):
            await world.fire()
            await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")
        await sender.close()

    paths = [request.url.path for request, _ in seen]
    assert paths == ["/cgi-bin/stable_token", "/cgi-bin/message/template/send"] * 2
    message = httpx.Response(200, content=seen[-1][1]).json()
    assert (message["touser"], message["template_id"], message["data"]["thing2"]) == ("oX1", "T1", {"value": "ACME 公司"})
    assert message["data"]["thing3"] == {"value": "About 3 min, Used to improve and to follow up with you, never for advertising."}
    assert message["url"].startswith("http://surveys.example/s/")
    assert seen[-1][0].query_params["access_token"] == "two"


async def test_those_who_answered_and_still_want_mail_are_told_what_was_changed(world: World, surveys_database: DatabaseSettings) -> None:
    await world.make("after-contact")
    await world.happen(contact("ann"), contact("bob", language="zh"), contact("silent"))
    await world.rows("UPDATE survey_invitations SET answered_at = now() WHERE contact->>'customer' <> 'c-silent'")
    note = {"subject": {"en": "What we changed", "zh-Hans": "我们的改进"}, "text": {"en": "Shorter waits.", "zh-Hans": "等待更短。"}}
    async with world.client() as client:
        made = await client.post("/v1/surveys/after-contact/notes", json=note)
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        while await world.fire(world.notes):
            pass
        await until(world, "SELECT count(*) = 2 FROM deliveries WHERE state = 'delivered'")

    assert made.status_code == 202
    assert {(str(mail["To"]), str(mail["Subject"])) for mail in mailbox.mails} == {
        ("ann@example.com", "What we changed"), ("bob@example.com", "我们的改进"),
    }  # fmt: skip
    assert all(mail["List-Unsubscribe"] for mail in mailbox.mails)
