"""Freshdesk: ratings of the last round and a day before, page by page; a changed rating is a revision."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.freshdesk import FreshdeskOptions, poll, pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.freshdesk import SECRETS
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 14, 0, tzinfo=UTC)
ENDPOINT = Endpoint((SECRETS,), FreshdeskOptions(domain="acme.freshdesk.com"), UTC_ZONE)
RATING: dict[str, Any] = json.loads((SAMPLES / "freshdesk/api_satisfaction_rating.json").read_bytes())


async def test_pages_follow_each_other_and_the_next_round_reaches_a_day_back() -> None:
    full = json.dumps([{**RATING, "id": id} for id in range(100)]).encode()
    http = Recording(full, b"[]")

    first = await pull(Fetch("ratings", {"since": "2026-03-18T00:00:00Z"}), ENDPOINT, http, NOW)
    assert first.then is not None
    last = await pull(first.then, ENDPOINT, http, NOW)

    asked = [parse_qs(urlsplit(call.url).query) for call in http.calls]
    assert [query["page"] for query in asked] == [["1"], ["2"]]
    assert [query["created_since"] for query in asked] == [["2026-03-18T00:00:00Z"]] * 2
    assert len({event.id for event in first.events}) == 100
    assert (first.cursor, last.cursor) == (None, {"since": "2026-03-18T14:00:00Z"})


async def test_a_changed_rating_replaces_the_one_before() -> None:
    changed = {**RATING, "ratings": {"default_question": -101}, "updated_at": "2026-03-19T13:50:00Z"}
    http = Recording(json.dumps([RATING, changed]).encode())

    pulled = await pull(Fetch("ratings"), ENDPOINT, http, NOW)

    before, after = pulled.events
    assert before.id == after.id
    assert "revision" not in before.data
    assert after.data["revision"] == 827243400
    assert after.data["answers"][0]["score"] == 3


def test_the_api_is_asked_only_where_a_domain_and_a_key_are_given() -> None:
    without = Endpoint((SECRETS,), FreshdeskOptions(), UTC_ZONE)

    assert poll(without) == []
    assert [one.every_seconds for one in poll(ENDPOINT)] == [900]
