"""Zendesk's ratings: pages, the cursor, what is asked of the vendor."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.zendesk import Options, Secrets
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 31, tzinfo=UTC)
OPTIONS = Options(ratings="satisfaction_ratings", subdomain="example", email="agent@example.com")
ENDPOINT: Endpoint[Any, Any] = Endpoint([Secrets(signing_secret="s", api_token="t")], OPTIONS, UTC_ZONE)
ADAPTER = adapters()["zendesk"]


def page(*ratings: tuple[int, str], after: str | None = None) -> bytes:
    """Ratings by id and the instant of their last change."""
    listed = [{"id": id, "score": "bad", "created_at": "2026-03-01T00:00:00Z", "updated_at": at} for id, at in ratings]
    return json.dumps({"satisfaction_ratings": listed, "meta": {"has_more": after is not None, "after_cursor": after}}).encode()


async def pull(fetch: Fetch, http: Recording) -> Any:
    """One step."""
    assert ADAPTER.pull is not None
    return await ADAPTER.pull(fetch, ENDPOINT, http, NOW)


async def test_pages_follow_one_another_and_only_the_last_moves_the_cursor() -> None:
    http = Recording(page((1, "2026-03-19T10:00:00Z"), after="xyz"), page((2, "2026-03-18T10:00:00Z")))

    first = await pull(Fetch("satisfaction_ratings"), http)
    last = await pull(first.then, http)

    assert (first.cursor, last.then) == (None, None)
    assert last.cursor == {"since": "2026-03-19T10:00:00+00:00"}
    assert [parse_qs(urlsplit(call.url).query).get("page[after]") for call in http.calls] == [None, ["xyz"]]


async def test_a_rating_that_was_changed_later_comes_again_and_an_old_one_does_not() -> None:
    http = Recording(page((1, "2026-03-10T00:00:00Z"), (2, "2026-03-20T00:00:00Z")))

    pulled = await pull(Fetch("satisfaction_ratings", {"since": "2026-03-19T00:00:00+00:00"}), http)

    assert [event.id for event in pulled.events] == ["rating:2"]
    assert pulled.events[0].data["answers"][0] == {
        "question": "satisfaction",
        "instrument": "csat",
        "score": 0,
        "scale_min": 0,
        "scale_max": 1,
        "choice": "bad",
    }


async def test_ratings_that_were_only_offered_bring_nothing() -> None:
    http = Recording(json.dumps({"satisfaction_ratings": [{"id": 1, "score": "offered"}, {"id": 2, "score": "unoffered"}]}).encode())

    pulled = await pull(Fetch("satisfaction_ratings"), http)

    assert pulled.events == []


async def test_a_rating_that_cannot_be_read_holds_nothing_up_and_is_counted() -> None:
    http = Recording(page((1, "soon"), (2, "2026-03-20T00:00:00Z")))

    pulled = await pull(Fetch("satisfaction_ratings"), http)

    assert [event.id for event in pulled.events] == ["rating:2"]
    assert pulled.passed_over == {"unreadable": 1}
    assert pulled.cursor == {"since": "2026-03-20T00:00:00+00:00"}


async def test_the_token_travels_in_the_header_and_the_window_covers_all_that_can_still_change() -> None:
    http = Recording(page())

    await pull(Fetch("satisfaction_ratings"), http)

    call = http.calls[0]
    assert call.headers["authorization"] == "Basic YWdlbnRAZXhhbXBsZS5jb20vdG9rZW46dA=="
    assert call.url.startswith("https://example.zendesk.com/api/v2/satisfaction_ratings.json?")
    assert parse_qs(urlsplit(call.url).query)["start_time"] == ["1772323200"]


def test_nothing_is_polled_before_the_account_is_known() -> None:
    bare: Endpoint[Any, Any] = Endpoint([Secrets(signing_secret="s")], OPTIONS, UTC_ZONE)
    assert ADAPTER.poll is not None

    without, with_token = ADAPTER.poll(bare), ADAPTER.poll(ENDPOINT)

    assert list(without) == []
    assert [poll.first.key for poll in with_token] == ["satisfaction_ratings"]
