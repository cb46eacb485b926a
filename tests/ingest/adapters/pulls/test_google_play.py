"""Rounds over Google Play's reviews: a token for each step, pages, and a cursor that hands on only what is new."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.google import TOKENS, ServiceAccount
from services.ingest.adapters.google_play import poll, pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.google_play import AT, OPTIONS, SECRETS
from tests.ingest.adapters.keypairs import rsa_key
from tests.ingest.adapters.pulling import Recording

ENDPOINT = Endpoint((SECRETS,), OPTIONS, UTC_ZONE)
TOKEN = b'{"access_token": "test-access-token", "expires_in": 3599, "token_type": "Bearer"}'
PAGE = (SAMPLES / "google_play/reviews_list.json").read_bytes()
LAST = json.dumps({"reviews": json.loads(PAGE)["reviews"]}).encode()


async def test_a_step_proves_itself_with_the_service_accounts_key() -> None:
    http = Recording(TOKEN, PAGE)

    await pull(Fetch("reviews"), ENDPOINT, http, AT)

    asked, page = http.calls
    assertion = parse_qs(asked.body.decode())["assertion"][0]
    claims = jwt.decode(
        assertion, rsa_key().public_key(), algorithms=["RS256"], audience=TOKENS, options={"verify_exp": False, "verify_iat": False}
    )
    assert (asked.method, asked.url) == ("POST", TOKENS)
    assert claims["iss"] == "reviews@example.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/androidpublisher"
    assert page.headers["authorization"] == "Bearer test-access-token"
    assert urlsplit(page.url).path == "/androidpublisher/v3/applications/com.example.app/reviews"


async def test_a_round_goes_on_with_the_next_page_and_ends_with_a_cursor() -> None:
    http = Recording(TOKEN, PAGE, TOKEN, LAST)

    first = await pull(Fetch("reviews"), ENDPOINT, http, AT)
    assert first.then is not None
    second = await pull(first.then, ENDPOINT, http, AT)

    assert parse_qs(urlsplit(http.calls[3].url).query)["token"] == ["CAEQAQ"]
    assert (first.cursor, second.then) == (None, None)
    assert second.cursor == {"since": "2026-03-19T12:49:21+00:00"}


async def test_the_next_round_hands_on_only_what_is_newer_than_a_day_before_the_newest() -> None:
    http = Recording(TOKEN, LAST, TOKEN, LAST)
    long_had, just_had = datetime(2026, 4, 19, tzinfo=UTC), datetime(2026, 3, 19, 12, 49, 21, tzinfo=UTC)

    none = await pull(Fetch("reviews", {"since": long_had.isoformat()}), ENDPOINT, http, AT)
    again = await pull(Fetch("reviews", {"since": just_had.isoformat()}), ENDPOINT, http, AT)

    assert none.events == []
    assert [event.id for event in again.events] == ["gp:AOqpTOEexampleReviewId0001", "gp:AOqpTOEexampleReviewId0001/reply"]
    assert none.cursor == {"since": "2026-04-19T00:00:00+00:00"}


async def test_an_edited_review_keeps_its_id_and_has_a_higher_revision() -> None:
    edited = json.loads(LAST)
    edited["reviews"][0]["comments"][0]["userComment"]["lastModified"]["seconds"] = "1773994561"
    http = Recording(TOKEN, LAST, TOKEN, json.dumps(edited).encode())

    older, newer = [(await pull(Fetch("reviews"), ENDPOINT, http, AT)).events[0] for _ in range(2)]

    assert older.id == newer.id
    assert older.data["revision"] < newer.data["revision"]


async def test_a_date_that_lies_ahead_does_not_keep_out_what_comes_until_then() -> None:
    ahead = json.loads(LAST)
    ahead["reviews"][0]["comments"][0]["userComment"]["lastModified"]["seconds"] = "4102444800"
    http = Recording(TOKEN, json.dumps(ahead).encode())

    pulled = await pull(Fetch("reviews"), ENDPOINT, http, AT)

    assert pulled.cursor == {"since": AT.isoformat()}


def test_it_is_polled_no_more_than_once_an_hour() -> None:
    (standing,) = poll(ENDPOINT)

    assert standing.every_seconds == 3600


def test_a_key_that_is_none_is_refused_when_it_is_set() -> None:
    with pytest.raises(ValueError, match="should be a PEM"):
        ServiceAccount(client_email="reviews@example.iam.gserviceaccount.com", private_key="-----BEGIN PRIVATE KEY-----\nx")
