"""WeCom: messages from the cursor on, page by page; what WeCom says with an errcode."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.adapters.adapter import Endpoint, Fetch, NotNow, Unreadable
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.wecom import pull
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.cases.wecom import EVENT_TOKEN, NEWS, SECRETS
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 3, tzinfo=UTC)
ENDPOINT = Endpoint((SECRETS,), Conversations(), UTC_ZONE)
TOKEN = b'{"errcode":0,"access_token":"test-access-token"}'


def page(cursor: str, more: int, *messages: dict[str, Any]) -> bytes:
    return json.dumps({"errcode": 0, "next_cursor": cursor, "has_more": more, "msg_list": messages}).encode()


def written(id: str, origin: int, **more: Any) -> dict[str, Any]:
    return {
        "msgid": id,
        "external_userid": "wm1",
        "send_time": 1773914555,
        "origin": origin,
        "msgtype": "text",
        "text": {"content": "你好"},
        **more,
    }


async def test_a_round_goes_on_from_the_cursor_to_the_last_page() -> None:
    http = Recording(TOKEN, page("c2", 1, written("m1", 3)), TOKEN, page("c3", 0, written("m2", 3)))
    known = Fetch(NEWS.key, {**NEWS.arguments, "cursor": "c1"})

    first = await pull(known, ENDPOINT, http, NOW)
    assert first.then is not None
    last = await pull(first.then, ENDPOINT, http, NOW)

    asked = [json.loads(call.body) for call in http.calls if call.method == "POST"]
    assert [body["cursor"] for body in asked] == ["c1", "c2"]
    assert [body["token"] for body in asked] == [EVENT_TOKEN, EVENT_TOKEN]
    assert [event.id for event in (*first.events, *last.events)] == ["m1", "m2"]
    assert last.then is None
    assert (first.cursor, last.cursor) == ({"account": "wkxxxxxxx", "cursor": "c2"}, {"account": "wkxxxxxxx", "cursor": "c3"})


async def test_a_page_without_messages_is_not_the_last_one() -> None:
    http = Recording(TOKEN, page("c2", 1))

    pulled = await pull(NEWS, ENDPOINT, http, NOW)

    assert pulled.then is not None
    assert pulled.then.arguments["cursor"] == "c2"


async def test_a_cursor_that_does_not_move_ends_the_round() -> None:
    http = Recording(TOKEN, page("c1", 1))

    pulled = await pull(Fetch(NEWS.key, {**NEWS.arguments, "cursor": "c1"}), ENDPOINT, http, NOW)

    assert pulled.then is None


async def test_the_token_of_a_callback_is_not_used_when_it_has_run_out() -> None:
    http = Recording(TOKEN, page("c1", 0))
    late = datetime(2026, 3, 19, 10, 20, tzinfo=UTC)

    await pull(NEWS, ENDPOINT, http, late)

    assert "token" not in json.loads(http.calls[1].body)


async def test_customers_servicers_and_the_system_are_told_apart() -> None:
    unknown = {"msgtype": "event", "event": {"event_type": "enter_session"}}
    http = Recording(TOKEN, page("c", 0, written("m1", 3), written("m2", 5, servicer_userid="Zhangsan"), written("m3", 4, **unknown)))

    pulled = await pull(NEWS, ENDPOINT, http, NOW)

    assert [(event.type, event.id) for event in pulled.events] == [
        ("feedback.message_received.v1", "m1"),
        ("interaction.replied.v1", "m2"),
    ]
    assert pulled.events[1].data["person"] == "Zhangsan"


async def test_a_message_that_the_customer_took_back_is_removed_whenever_that_is_told() -> None:
    event = {"event_type": "user_recall_msg", "external_userid": "wm1", "recall_msgid": "m1"}
    http = Recording(TOKEN, page("c", 0, written("m1", 3), written("m9", 4, msgtype="event", event=event)))

    said, removed = (await pull(NEWS, ENDPOINT, http, NOW)).events

    assert (removed.type, removed.id, removed.data["thread"]) == (said.type, said.id, said.data["thread"])
    assert (removed.data["text"], removed.data["revision"]) == ("[removed]", 2**31 - 1)


@pytest.mark.parametrize(("errcode", "refusal"), [(-1, NotNow), (45009, NotNow), (42001, NotNow), (40058, Unreadable)])
async def test_an_errcode_is_tried_again_only_where_that_can_help(errcode: int, refusal: type[Exception]) -> None:
    http = Recording(TOKEN, json.dumps({"errcode": errcode, "errmsg": "hint: [secret stuff]"}).encode())

    with pytest.raises(refusal) as refused:
        await pull(NEWS, ENDPOINT, http, NOW)

    assert str(errcode) in str(refused.value)
    assert "secret" not in str(refused.value)
