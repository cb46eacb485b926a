"""Answers that come back as messages: matched to the open invitation of the same address, once, beside the message itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.clock import utc_now
from tests.ingest.surveys.world import World, document, event

PHONE, OPENID = "+4915112345678", "oAbC-1"
NPS = document("nps")["questions"]
BY_REPLY = {"mode": "instant", "wave": None, "by_reply": True, "questions": [NPS[0], NPS[4]]}
"""A score and its reason."""


def message(text: str, name: str, *, channel: str = "sms", at: datetime | None = None, **customer: Any) -> Any:
    data = {"channel": channel, "text": text, "customer": customer or {"phone": PHONE}}
    return event("feedback.message_received.v1", data, id=name, at=at)


async def texted(world: World, survey: str = "nps", phone: str = PHONE) -> None:
    """An invitation that arrived as a text message."""
    async with world.client("ingest:write") as client:
        asked = {"way": "sms", "people": [{"id": f"{survey}-{phone}", "customer": {"phone": phone}}]}
        made = await client.post(f"/v1/surveys/{survey}/invitations", json=asked)
    assert made.status_code == 201, made.text
    await world.rows("UPDATE survey_invitations SET state = 'sent', sends = 1, sent_at = clock_timestamp(), next_at = NULL WHERE sends = 0")


def scores(said: list[dict[str, Any]]) -> list[list[Any]]:
    return [[answer.get("score", answer.get("text")) for answer in one["data"]["answers"]] for one in said]


@pytest.mark.parametrize("text", ["9", "９", "九分"])
async def test_a_number_in_reply_to_a_text_message_answers_it_and_the_next_message_its_text_question(world: World, text: str) -> None:
    await world.make("nps", "nps", **BY_REPLY)
    await texted(world)

    await world.happen(message(text, "m-1"), message(text, "m-1"))
    await world.happen(message(text, "m-1"))
    asked_on = await world.rows("SELECT group_key, kind, sequence FROM deliveries")
    await world.happen(message("the queue was long", "m-2"), message("and hot", "m-3"))

    answered = await world.said("answered")
    assert scores(answered) == [[9], [9, "the queue was long"]]
    assert {(one["id"], one["source"], one["data"]["channel"]) for one in answered} == {(f"nps-{PHONE}", "/surveys/nps", "sms")}
    assert [one["data"].get("revision", 1) for one in answered] == [1, 2]
    assert [tuple(row.values()) for row in asked_on] == [(f"question:nps-{PHONE}", "sms", 1)]
    assert len(await world.rows("SELECT * FROM survey_replies")) == 2
    assert (await world.invitations())[0]["flags"] == []


async def test_words_beside_the_number_answer_at_once_and_nothing_more_is_asked(world: World) -> None:
    await world.make("nps", "nps", **BY_REPLY)
    await texted(world)

    await world.happen(message("9 because the queue was short", "m-1"))

    assert scores(await world.said("answered")) == [[9, "because the queue was short"]]
    assert await world.rows("SELECT * FROM deliveries") == []


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("when do you open?", {}),
        ("12", {}),
        ("9", {"phone": "+4930123456"}),
        ("9", {"at": utc_now() - timedelta(hours=1)}),
        ("9", {"channel": "chat", "phone": PHONE}),
        ("9", {"channel": "email", "phone": PHONE}),
    ],
    ids=["words", "off the scale", "another number", "before the question", "another channel", "a mail"],
)
async def test_what_is_no_answer_or_comes_from_elsewhere_stays_a_message(world: World, text: str, more: dict[str, Any]) -> None:
    await world.make("nps", "nps", **BY_REPLY)
    await texted(world)

    await world.happen(message(text, "m-1", **more))

    assert await world.said("answered") == []
    assert await world.rows("SELECT * FROM survey_replies") == []


async def test_a_code_earned_by_text_is_sent_by_text(world: World) -> None:
    incentive = {"kind": "coupon", "text": {"en": "a coffee", "zh-Hans": "一杯咖啡"}}
    await world.make("nps", "nps", **BY_REPLY, incentive=incentive)
    async with world.client() as client:
        await client.post("/v1/surveys/nps/coupons", json={"codes": ["COFFEE-1"]})
    await texted(world)

    await world.happen(message("9 fine", "m-1"))

    assert [tuple(row.values()) for row in await world.rows("SELECT group_key, kind FROM deliveries")] == [(f"code:nps-{PHONE}", "sms")]


async def test_of_two_open_surveys_the_one_sent_last_is_answered_and_none_that_is_over_or_another_tenants(world: World) -> None:
    for survey in ("first", "second", "over"):
        await world.make(survey, "nps", **BY_REPLY)
        await texted(world, survey)
    await world.rows("UPDATE survey_invitations SET expires_at = now() WHERE survey = 'over'")
    foreign = event(
        "feedback.message_received.v1", {"channel": "sms", "text": "1", "customer": {"phone": PHONE}}, id="f", tenant="umbrella"
    )

    await world.happen(foreign, message("9", "m-1"), message("good", "m-2"), message("3", "m-3"))

    answered = await world.said("answered")
    assert [one["data"]["survey"] for one in answered] == ["second", "second", "first"]
    assert scores(answered) == [[9], [9, "good"], [3]]


@pytest.mark.parametrize(("text", "channel"), [("STOP", "sms"), ("退订", "sms"), ("TD", "sms"), ("退订", "messaging")])
async def test_stop_in_reply_ends_all_surveys_also_when_none_is_open(world: World, text: str, channel: str) -> None:
    await world.happen(message(text, "m-1", channel=channel, phone=PHONE))
    async with world.client("ingest:write") as client:
        found = await client.post("/v1/survey-opt-outs/find", json={"phone": "+49 1511 2345678"})

    assert found.json()["opted_out"]


async def test_a_survey_begun_in_a_chat_is_answered_by_the_customers_next_message_there(world: World) -> None:
    await world.make("nps", "nps", **BY_REPLY)
    for id in ("whatsapp:4915112345678", f"wechat:{OPENID}"):
        async with world.client("ingest:write") as client:
            made = await client.post(
                "/v1/surveys/nps/invitations", json={"way": "chat", "people": [{"customer": {"id": id}, "language": "zh"}]}
            )
        await world.happen(message("十分，很好", f"m-{id}", channel="messaging", id=id))

    [begun] = made.json()["items"]
    assert begun["intro"].startswith("您的回答将帮助我们了解哪些做得好、哪些需要改进。 大约需要 2 分钟。 ACME 公司 将您的回答用于")
    assert begun["say"] == "您有多大可能把我们推荐给朋友或同事？ 请回复数字，0（完全不可能）到 10（非常可能）。".replace(
        "） 到", "）到"
    ).replace("）到", "）到")
    assert scores(await world.said("answered")) == [[10, "很好"]] * 2
    assert {one["data"]["channel"] for one in await world.said("answered")} == {"chat"}


async def test_who_is_asked_over_wechat_answers_where_the_message_came_from(world: World) -> None:
    await world.make("nps", "nps", **BY_REPLY)
    customer = {"id": "c-1", "attributes": {"wechat_openid": OPENID}}
    async with world.client("ingest:write") as client:
        await client.post("/v1/surveys/nps/invitations", json={"way": "wechat", "people": [{"customer": customer}]})
    await world.rows("UPDATE survey_invitations SET state = 'sent', sends = 1, sent_at = now()")

    await world.happen(message("7", "m-1", channel="messaging", id=f"wechat:{OPENID}"))

    [answered] = await world.said("answered")
    assert (scores([answered]), answered["data"]["customer"]["id"]) == ([[7]], "c-1")


async def test_a_telephone_menu_asks_takes_digits_and_is_told_what_to_say_next(world: World) -> None:
    await world.make("nps", "nps", **{**BY_REPLY, "questions": NPS[:4], "by_reply": False})
    async with world.client("ingest:write") as client:
        [begun] = (
            await client.post("/v1/surveys/nps/invitations", json={"way": "ivr", "people": [{"id": "call-1", "language": "en"}]})
        ).json()["items"]
        path = "/v1/surveys/nps/invitations/call-1/replies"
        told = [(await client.post(path, json={"text": digits})).json() for digits in ("11", "10#", "2#", "5", "1")]
        late = await client.post(path, json={"text": "1"})

    assert begun["say"].endswith("Press a number, 0 (Not at all likely) to 10 (Extremely likely), then the hash key.")
    assert [one["answered"] for one in told] == [False, True, True, True, True]
    assert told[0]["say"] == begun["say"]
    assert told[3]["say"] == "Would you choose us again? Press 1 for yes, 0 for no."
    assert (told[4]["finished"], told[4]["say"], late.json()["answered"]) == (True, "Thank you!", False)
    answered = (await world.said("answered"))[-1]["data"]
    assert [one.get("score", one.get("choice")) for one in answered["answers"]] == [10, "price", 5, 1]
    assert answered["channel"] == "phone"


async def test_a_survey_of_pairs_cannot_be_begun_in_a_chat_and_says_why(world: World) -> None:
    await world.make("pairs", "kano")
    async with world.client("ingest:write") as client:
        made = await client.post("/v1/surveys/pairs/invitations", json={"way": "chat", "people": [{"customer": {"id": "c"}}]})
    async with world.client() as client:
        wrong = await client.post("/v1/surveys", json={"id": "other", "document": document("kano", by_reply=True)})

    assert (made.status_code, wrong.status_code) == (422, 422)
    assert made.json()["type"].endswith("not_by_reply")
