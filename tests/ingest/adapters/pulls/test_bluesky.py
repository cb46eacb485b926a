"""Bluesky: a round pages back to where the last one ended, and counts the replies that our posts have."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.bluesky import Options, Secrets, pull
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
US, THEM = "did:plc:us", "did:plc:them"
ROOT = f"at://{US}/app.bsky.feed.post/root"
ENDPOINT = Endpoint((Secrets(identifier="acme.example.com", app_password="test-password"),), Options(), UTC_ZONE)
SESSION = json.dumps({"did": US, "accessJwt": "test-jwt"}).encode()


def page(*notifications: dict[str, Any], cursor: str | None = None) -> bytes:
    return json.dumps({"notifications": notifications, **({"cursor": cursor} if cursor else {})}).encode()


def told(name: str, indexed_at: str, *, reason: str = "reply", author: str = THEM, created_at: str = "", above: str = "") -> dict[str, Any]:
    reply = {"reply": {"root": {"uri": ROOT}, "parent": {"uri": above}}} if above else {}
    return {
        "uri": f"at://{author}/app.bsky.feed.post/{name}",
        "author": {"did": author, "handle": "them.example.com"},
        "reason": reason,
        "record": {"text": name, "createdAt": created_at or indexed_at, **reply},
        "indexedAt": indexed_at,
    }


async def test_pages_are_asked_for_until_what_was_seen_before() -> None:
    new, newer, seen = (told(name, f"2026-03-19T09:0{minute}:00.000Z") for minute, name in ((2, "b"), (3, "c"), (1, "a")))
    http = Recording(SESSION, page(newer, cursor="p2"), SESSION, page(new, seen, told("z", "2026-03-19T08:00:00.000Z"), cursor="p3"))
    last_time = Fetch("notifications", {"seen": "2026-03-19T09:01:00.000Z"})

    first = await pull(last_time, ENDPOINT, http, NOW)
    assert first.then is not None
    last = await pull(first.then, ENDPOINT, http, NOW)

    assert parse_qs(urlsplit(http.calls[3].url).query)["cursor"] == ["p2"]
    assert [event.data["text"] for event in (*first.events, *last.events)] == ["c", "b", "a"]
    assert (first.cursor, last.then, last.cursor) == (None, None, {"seen": "2026-03-19T09:03:00.000Z"})


async def test_the_first_round_goes_thirty_days_back() -> None:
    http = Recording(SESSION, page(told("b", "2026-02-20T09:00:00.000Z"), told("a", "2026-01-01T09:00:00.000Z"), cursor="p2"))

    pulled = await pull(Fetch("notifications"), ENDPOINT, http, NOW)

    assert [event.data["text"] for event in pulled.events] == ["b"]
    assert pulled.then is None


async def test_our_own_words_and_likes_are_no_feedback() -> None:
    http = Recording(SESSION, page(told("a", "2026-03-19T09:00:00.000Z", author=US), told("b", "2026-03-19T09:00:00.000Z", reason="like")))

    pulled = await pull(Fetch("notifications"), ENDPOINT, http, NOW)

    assert pulled.events == []


async def test_a_clock_of_the_writer_that_is_far_off_is_not_believed() -> None:
    http = Recording(SESSION, page(told("a", "2026-03-19T09:00:00.000Z", created_at="1999-01-01T00:00:00Z")))

    pulled = await pull(Fetch("notifications"), ENDPOINT, http, NOW)

    assert pulled.events[0].time == datetime(2026, 3, 19, 9, 0, tzinfo=UTC)


async def test_direct_replies_to_our_posts_name_the_post_and_how_many_it_has() -> None:
    deeper = f"at://{THEM}/app.bsky.feed.post/a"
    counted = json.dumps({"posts": [{"uri": ROOT, "replyCount": 7}]}).encode()
    notifications = page(told("a", "2026-03-19T09:00:00.000Z", above=ROOT), told("b", "2026-03-19T09:00:00.000Z", above=deeper))
    http = Recording(SESSION, notifications, counted)

    pulled = await pull(Fetch("notifications"), ENDPOINT, http, NOW)

    assert [event.post for event in pulled.events] == [ROOT, None]
    assert parse_qs(urlsplit(http.calls[2].url).query)["uris"] == [ROOT]
    assert pulled.collected == {ROOT: 7}


async def test_the_password_goes_into_the_body_of_one_call_alone() -> None:
    http = Recording(SESSION, page())

    await pull(Fetch("notifications"), ENDPOINT, http, NOW)

    told_where = [call.url for call in http.calls if b"test-password" in call.body]
    assert told_where == ["https://bsky.social/xrpc/com.atproto.server.createSession"]
    assert not any("test-password" in call.url + str(call.headers) for call in http.calls)
