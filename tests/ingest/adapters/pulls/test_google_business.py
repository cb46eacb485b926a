"""The pull behind a push of Google Business Profile's."""

import json
from typing import Any

from services.ingest.adapters.adapter import Endpoint, NoOptions
from services.ingest.adapters.google import TOKENS
from services.ingest.adapters.google_business import pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.google_business import AT, FETCH, SECRETS
from tests.ingest.adapters.pulling import Recording

ENDPOINT = Endpoint((SECRETS,), NoOptions(), UTC_ZONE)
TOKEN = b'{"access_token": "test-access-token", "expires_in": 3599}'
SAMPLE = json.loads((SAMPLES / "google_business/api_review.json").read_bytes())


def review(**members: Any) -> bytes:
    """The sample with other members."""
    return json.dumps({**SAMPLE, **members}).encode()


async def test_the_review_is_asked_for_with_a_token_from_the_managers_consent() -> None:
    http = Recording(TOKEN, review())

    await pull(FETCH, ENDPOINT, http, AT)

    asked, page = http.calls
    assert (asked.url, b"grant_type=refresh_token" in asked.body) == (TOKENS, True)
    assert page.url == "https://mybusiness.googleapis.com/v4/accounts/1001/locations/2002/reviews/AbFvOqkExample"
    assert page.headers["authorization"] == "Bearer test-access-token"


async def test_the_owners_reply_is_an_event_of_its_own() -> None:
    http = Recording(TOKEN, review(reviewReply={"comment": "We are sorry.", "updateTime": "2026-03-19T12:00:00.000Z"}))

    pulled = await pull(FETCH, ENDPOINT, http, AT)

    assert [(event.type, event.id, event.data["text"]) for event in pulled.events] == [
        ("feedback.comment_posted.v1", "AbFvOqkExample", "Long queue, nobody at the desk."),
        ("interaction.replied.v1", "AbFvOqkExample/reply", "We are sorry."),
    ]


async def test_of_a_translated_review_the_customers_own_words_are_kept() -> None:
    http = Recording(TOKEN, review(comment="(Translated by Google) Long queue.\n\n(Original)\n排队太久了。"))

    pulled = await pull(FETCH, ENDPOINT, http, AT)

    assert pulled.events[0].data["text"] == "排队太久了。"


async def test_stars_without_words_are_a_review_too() -> None:
    http = Recording(TOKEN, review(comment=None))

    pulled = await pull(FETCH, ENDPOINT, http, AT)

    assert (pulled.events[0].data["text"], pulled.events[0].data["rating"]) == ("[no text]", 2)
