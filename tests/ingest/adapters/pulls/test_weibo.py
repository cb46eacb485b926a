"""Weibo: one call a round, the three lists in turn, each from its own newest id on; only with an app of one's own."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from services.ingest.adapters.adapter import Endpoint, Fetch, NotNow
from services.ingest.adapters.weibo import Options, poll, pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.weibo import OPTIONS, SECRETS
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 0, tzinfo=UTC)
ENDPOINT = Endpoint((SECRETS,), OPTIONS, UTC_ZONE)


def page(member: str, *ids: int, **more: Any) -> bytes:
    written = [{"idstr": str(id), "text": "x", "user": {"idstr": "42"}, **more} for id in ids]
    return json.dumps({member: written}).encode()


async def rounds(*replies: bytes) -> tuple[list[str], dict[str, Any]]:
    """What is asked in so many rounds, one behind the other, and the cursor at the end."""
    http, arguments = Recording(*replies), dict[str, Any]()
    for asked, _ in enumerate(replies, 1):
        pulled = await pull(Fetch("lists", arguments), ENDPOINT, http, NOW)
        assert (len(http.calls), pulled.then) == (asked, None)
        assert pulled.cursor is not None
        arguments = json.loads(json.dumps(pulled.cursor))
    return [call.url for call in http.calls], arguments


async def test_each_round_makes_one_call_and_the_lists_take_turns() -> None:
    urls, _ = await rounds(page("statuses", 9, 11), page("comments", 5), page("comments"), page("statuses", 12), page("comments"))

    paths = [urlsplit(url).path.removeprefix("/2/") for url in urls]
    since = [parse_qs(urlsplit(url).query).get("since_id") for url in urls]
    assert paths == [
        "statuses/mentions.json",
        "comments/to_me.json",
        "comments/mentions.json",
        "statuses/mentions.json",
        "comments/to_me.json",
    ]
    assert since == [None, None, None, ["11"], ["5"]]


async def test_a_full_page_is_followed_by_the_next_in_the_next_turn_of_its_list() -> None:
    full = page("statuses", *range(1000, 950, -1))

    urls, cursor = await rounds(full, page("comments"), page("comments"), page("statuses", 950))

    assert [parse_qs(urlsplit(urls[turn]).query)["page"] for turn in (0, 3)] == [["1"], ["2"]]
    assert cursor["statuses/mentions"] == {"since": "1000"}


async def test_with_a_contract_the_commercial_interface_is_asked() -> None:
    http = Recording(page("statuses"))
    endpoint = Endpoint((SECRETS,), Options(own_reviewed_app=True, uid="1", interface="commercial"), UTC_ZONE)

    await pull(Fetch("lists"), endpoint, http, NOW)

    assert http.calls[0].url.startswith("https://c.api.weibo.com/2/statuses/mentions/biz.json?")


async def test_weibo_says_how_many_comments_our_posts_have() -> None:
    http = Recording((SAMPLES / "weibo/comments_to_me.json").read_bytes())

    pulled = await pull(Fetch("lists", {"turn": 1}), ENDPOINT, http, NOW)

    assert pulled.collected == {"5270000000000001": 5}
    assert [event.post for event in pulled.events] == ["5270000000000001"]


async def test_our_own_comment_is_a_reply_and_a_deleted_one_is_erased() -> None:
    own = {"idstr": "7", "text": "抱歉", "user": {"idstr": "1000000001"}, "status": {"idstr": "1"}, "reply_comment": {"idstr": "6"}}
    gone = {"idstr": "8", "text": "抱歉，此微博已被作者删除", "user": {"idstr": "42", "screen_name": "示例"}, "deleted": "1"}
    http = Recording(json.dumps({"comments": [own, gone]}).encode())

    pulled = await pull(Fetch("lists", {"turn": 1}), ENDPOINT, http, NOW)

    assert [(event.type, event.id) for event in pulled.events] == [("interaction.replied.v1", "7"), ("feedback.comment_posted.v1", "8")]
    assert pulled.events[0].data["thread"] == "6"
    assert pulled.events[1].data == {
        "channel": "social",
        "text": "[removed]",
        "customer": {"id": "weibo:42"},
        "revision": 2**31 - 1,
    }


async def test_an_odd_comment_is_counted_and_holds_nothing_up() -> None:
    good = {
        "idstr": "7",
        "text": "等了三天",
        "user": {"idstr": "42"},
        "status": {"idstr": "1", "user": {"idstr": "1000000001"}, "comments_count": 3},
    }
    odd = [{"text": "without an id"}, {**good, "idstr": "8", "status": "not an object"}]
    http = Recording(json.dumps({"comments": [*odd, good]}).encode())

    pulled = await pull(Fetch("lists", {"turn": 1}), ENDPOINT, http, NOW)

    assert [event.id for event in pulled.events] == ["7"]
    assert (pulled.passed_over, pulled.collected) == ({"unreadable": 2}, {"1": 3})


async def test_an_error_code_of_weibo_is_tried_again_later() -> None:
    http = Recording(b'{"error":"User requests out of rate limit!","error_code":10023,"request":"/2/statuses/mentions.json"}')

    with pytest.raises(NotNow, match="10023"):
        await pull(Fetch("lists"), ENDPOINT, http, NOW)


@pytest.mark.parametrize(
    "options",
    [{"uid": "1"}, {"uid": "1", "own_reviewed_app": False}, {"uid": "1", "own_reviewed_app": True, "every_seconds": 299}],
)
def test_nothing_is_polled_unconfirmed_or_faster_than_weibo_wants(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)

    assert [one.every_seconds for one in poll(ENDPOINT)] == [300]


async def test_the_token_stands_in_a_header_alone() -> None:
    http = Recording(page("statuses"))

    await pull(Fetch("lists"), ENDPOINT, http, NOW)

    assert http.calls[0].headers == {"authorization": "OAuth2 test-token"}
    assert "test-token" not in http.calls[0].url
