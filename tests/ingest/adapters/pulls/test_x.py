"""X: the search, page by page, from the newest post of the last round on."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.x import Options, Secrets, poll, pull
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.cases.x import NEWER, OLDER
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
ENDPOINT = Endpoint((NEWER,), Options(search="@acme_example", user_id="1900000000000000001", search_every_minutes=30), UTC_ZONE)
RECENT = str((int(NOW.timestamp() * 1000) - 3_600_000 - 1_288_834_974_657) << 22)
OLD = str((int(NOW.timestamp() * 1000) - 8 * 86_400_000 - 1_288_834_974_657) << 22)


def page(newest: str, *posts: tuple[str, str], then: str | None = None) -> bytes:
    found = [{"id": id, "text": "hello", "author_id": author, "created_at": "2026-03-19T10:00:00.000Z"} for id, author in posts]
    return json.dumps({"data": found, "meta": {"newest_id": newest, **({"next_token": then} if then else {})}}).encode()


async def test_the_next_round_begins_behind_the_newest_post_of_the_first_page() -> None:
    http = Recording(page("300", ("300", "42"), then="t2"), page("200", ("200", "42")))

    first = await pull(Fetch("search", {"since_id": RECENT}), ENDPOINT, http, NOW)
    assert first.then is not None
    last = await pull(first.then, ENDPOINT, http, NOW)

    asked = [parse_qs(urlsplit(call.url).query) for call in http.calls]
    assert [query["since_id"] for query in asked] == [[RECENT], [RECENT]]
    assert [query.get("next_token") for query in asked] == [None, ["t2"]]
    assert first.cursor is None
    assert last.cursor == {"since_id": "300"}
    assert [event.id for event in (*first.events, *last.events)] == ["300", "200"]


async def test_a_round_that_finds_nothing_keeps_the_cursor() -> None:
    http = Recording(b'{"meta":{"result_count":0}}')

    pulled = await pull(Fetch("search", {"since_id": RECENT}), ENDPOINT, http, NOW)

    assert (list(pulled.events), pulled.then, pulled.cursor) == ([], None, {"since_id": RECENT})


async def test_a_cursor_beyond_the_seven_days_that_x_searches_is_left_out() -> None:
    http = Recording(page("300"))

    await pull(Fetch("search", {"since_id": OLD}), ENDPOINT, http, NOW)

    assert "since_id" not in parse_qs(urlsplit(http.calls[0].url).query)


async def test_our_own_posts_are_no_feedback() -> None:
    http = Recording(page("300", ("300", "1900000000000000001")))

    pulled = await pull(Fetch("search"), ENDPOINT, http, NOW)

    assert pulled.events == []


async def test_where_it_is_wanted_x_is_asked_how_many_replies_our_posts_have() -> None:
    reply = {"id": "300", "text": "@acme_example no", "author_id": "42", "in_reply_to_user_id": "1900000000000000001"}
    above = {"referenced_tweets": [{"type": "replied_to", "id": "200"}]}
    elsewhere = {"id": "301", "text": "@acme_example", "author_id": "42", "in_reply_to_user_id": "43", **above}
    found = json.dumps({"data": [{**reply, **above}, elsewhere], "meta": {"newest_id": "301"}}).encode()
    http = Recording(found, b'{"data":[{"id":"200","public_metrics":{"reply_count":9}}]}')
    counting = Options(search="@acme_example", user_id="1900000000000000001", count_replies=True)

    pulled = await pull(Fetch("search"), Endpoint((NEWER,), counting, UTC_ZONE), http, NOW)

    assert parse_qs(urlsplit(http.calls[1].url).query)["ids"] == ["200"]
    assert [event.post for event in pulled.events] == ["200", None]
    assert pulled.collected == {"200": 9}


def test_nothing_is_searched_without_a_query_and_a_bearer_token() -> None:
    without = [
        Endpoint((OLDER,), Options(search="@acme_example"), UTC_ZONE),
        Endpoint((Secrets(consumer_secret="x", bearer_token="y"),), Options(), UTC_ZONE),
    ]

    polls = [poll(endpoint) for endpoint in without]

    assert polls == [[], []]
    assert [one.every_seconds for one in poll(ENDPOINT)] == [1800]
