"""Messages beside invitations, as they arrive: the next question of a survey answered by text, and a coupon's code by mail."""

import json

import pytest

from services.ingest.surveys.senders import Senders
from shared.delivery.sms import SmsGateway, SmsSender
from shared.settings import DatabaseSettings
from tests.ingest.surveys.test_answering import ANSWERS, give
from tests.ingest.surveys.test_replying import BY_REPLY, message
from tests.ingest.surveys.test_sending import delivering, gateway, mails_over, part, until
from tests.ingest.surveys.world import PACES, URL, World
from tests.shared.delivery.test_mail import Mailbox, mail_server

PHONE = "+8613800138000"


async def test_a_whole_survey_is_held_by_text_question_by_question_to_the_code(world: World, surveys_database: DatabaseSettings) -> None:
    incentive = {"kind": "coupon", "text": {"en": "a coffee", "zh-Hans": "一杯咖啡"}}
    await world.make("nps", "nps", **BY_REPLY, incentive=incentive)
    async with world.client() as client:
        await client.post("/v1/surveys/nps/coupons", json={"codes": ["COFFEE-1"]})
    async with world.client("ingest:write") as client:
        asked = {"way": "sms", "people": [{"customer": {"phone": PHONE}, "language": "en"}]}
        await client.post("/v1/surveys/nps/invitations", json=asked)
    async with gateway(lambda _: {}) as (url, seen):
        sender = SmsSender(SmsGateway.model_validate({"kind": "http", "sender": "+4930", "url": url, "token": "t0ken"}))
        async with delivering(world, surveys_database, Senders({"sms": sender}, PACES)):
            await world.fire()
            for number, reply in enumerate(("9", "the coffee"), 1):
                await until(world, f"SELECT count(*) = {number} FROM deliveries WHERE state = 'delivered'")
                await world.happen(message(reply, f"m-{number}", phone=PHONE))
            await until(world, "SELECT count(*) = 3 FROM deliveries WHERE state = 'delivered'")
        await sender.close()

    first, second, third = (json.loads(body)["text"] for _, body in seen)
    assert first.startswith(
        "ACME 公司: Your answers tell us what to keep and what to change. About 2 min. "
        "Used to improve and to follow up with you, never for advertising. How likely are you to recommend us"
    )
    assert "Reply with a number, 0 (Not at all likely) to 10 (Extremely likely). Or here: http" in first
    assert f"{URL}/s/" in first
    assert first.endswith("Reply STOP for no more.")
    assert second == "What is the one thing we should do better? Reply in your own words, or SKIP."
    assert third == "a coffee\nYour code: COFFEE-1"
    assert [one["data"].get("revision", 1) for one in await world.said("answered")] == [1, 2]


@pytest.mark.parametrize(("language", "words"), [("en", "Your code: THANKS-1"), ("zh", "您的兑换码： THANKS-1")])
async def test_who_was_asked_by_mail_gets_the_code_by_mail_too(
    world: World, surveys_database: DatabaseSettings, language: str, words: str
) -> None:
    incentive = {"kind": "coupon", "text": {"en": "a coffee", "zh-Hans": "一杯咖啡"}}
    await world.make("thanks", incentive=incentive)
    async with world.client() as client:
        await client.post("/v1/surveys/thanks/coupons", json={"codes": ["THANKS-1"]})
    async with world.client("ingest:write") as client:
        asked = {"way": "email", "people": [{"customer": {"email": "ann@example.com"}, "language": language}]}
        await client.post("/v1/surveys/thanks/invitations", json=asked)
    mailbox = Mailbox()
    async with mail_server(mailbox, None) as port, delivering(world, surveys_database, mails_over(port)):
        await world.fire()
        await until(world, "SELECT every(sent_at IS NOT NULL) FROM survey_invitations")
        page = part(mailbox.mails[0], "plain").partition(f"{URL}/s/")[2].split("?")[0].split()[0]
        async with world.client() as client:
            for question in ANSWERS:
                await give(client, f"/s/{page}", question)
        await until(world, "SELECT count(*) = 2 FROM deliveries WHERE state = 'delivered'")

    invitation, code = mailbox.mails
    assert code["To"] == invitation["To"]
    assert words in part(code, "plain")
    assert "THANKS-1" in part(code, "html")
    assert code["List-Unsubscribe"]
