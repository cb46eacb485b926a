"""Genesys Cloud's pulls: pages of conversations with surveys, the cursor, a conversation that goes on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.genesys_cloud import PAGE
from shared.errors import Unavailable
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE, with_members
from tests.ingest.adapters.cases.genesys_cloud import OPTIONS, SIGNED_IN
from tests.ingest.adapters.pulling import Recording

NOW = datetime(2026, 3, 19, 10, 15, tzinfo=UTC)
ENDPOINT: Endpoint[Any, Any] = Endpoint([SIGNED_IN], OPTIONS, UTC_ZONE)
TOKEN = b'{"access_token": "token-1"}'
DETAILS = (SAMPLES / "genesys_cloud/conversation_details.json").read_bytes()
SURVEY = (SAMPLES / "genesys_cloud/survey_finished.json").read_bytes()


def page(*surveys: tuple[str, str], conversations: int = 1) -> bytes:
    """Conversations of which the first has these surveys: id and when it was completed."""
    listed = [{"surveyId": id, "surveyStatus": "Finished", "surveyCompletedDate": at} for id, at in surveys]
    return json.dumps({"conversations": [{"surveys": listed}, *({} for _ in range(conversations - 1))]}).encode()


async def pull(fetch: Fetch, http: Recording) -> Any:
    """One step."""
    step = adapters()["genesys_cloud"].pull
    assert step is not None
    return await step(fetch, ENDPOINT, http, NOW)


async def test_a_full_page_is_followed_by_the_next_and_the_cursor_moves_at_the_end() -> None:
    first = Recording(TOKEN, page(("s-1", "2026-03-19T10:02:41.000Z"), conversations=PAGE), SURVEY)
    last = Recording(TOKEN, page())

    begun = await pull(Fetch("surveys", {"since": "2026-03-19T09:00:00+00:00"}), first)
    ended = await pull(begun.then, last)

    assert [event.id for event in begun.events] == ["3c1d1b1e-6b1b-4b55-9d0b-0f5f1e2d3c09"]
    assert begun.cursor is None
    assert json.loads(last.calls[1].body)["paging"] == {"pageSize": PAGE, "pageNumber": 2}
    assert ended.then is None
    assert ended.cursor == {"since": "2026-03-19T10:02:41+00:00"}


async def test_what_was_there_in_an_earlier_round_is_not_asked_for_again() -> None:
    http = Recording(TOKEN, page(("old", "2026-03-18T10:00:00.000Z"), ("../../odd id", "2026-03-19T10:02:41.000Z")), SURVEY)

    await pull(Fetch("surveys", {"since": "2026-03-19T00:00:00+00:00"}), http)

    assert [call.url.rpartition("/api/v2/")[2] for call in http.calls[1:]] == [
        "analytics/conversations/details/query",
        "quality/surveys/..%2F..%2Fodd%20id",
    ]
    assert http.calls[0].url == "https://login.mypurecloud.de/oauth/token"
    assert http.calls[2].headers["authorization"] == "Bearer token-1"


async def test_a_survey_dated_ahead_does_not_keep_out_what_comes_until_then() -> None:
    http = Recording(TOKEN, page(("s-1", "2036-03-19T10:02:41.000Z")), SURVEY)

    pulled = await pull(Fetch("surveys"), http)

    assert pulled.cursor == {"since": NOW.isoformat()}


async def test_a_survey_that_cannot_be_read_holds_nothing_up_and_is_counted() -> None:
    odd = with_members(SURVEY, completedDate="soon")
    http = Recording(TOKEN, page(("s-1", "2026-03-19T10:02:41.000Z"), ("s-2", "2026-03-19T10:02:42.000Z")), odd, SURVEY)

    pulled = await pull(Fetch("surveys"), http)

    assert len(pulled.events) == 1
    assert pulled.passed_over == {"unreadable": 1}
    assert pulled.cursor == {"since": "2026-03-19T10:02:42+00:00"}


async def test_a_conversation_that_goes_on_brings_nothing() -> None:
    http = Recording(TOKEN, with_members(DETAILS, conversationEnd=None))

    pulled = await pull(Fetch("conversation:c-1", {"conversation": "c-1"}), http)

    assert pulled.events == []


async def test_an_error_of_the_vendor_goes_to_the_platform_which_comes_again() -> None:
    http = Recording(TOKEN, Unavailable("vendor", "429"))

    with pytest.raises(Unavailable):
        await pull(Fetch("surveys"), http)
