"""Rounds over the App Store's reviews: a token of Apple's kind, pages, the company's answers."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from services.ingest.adapters.adapter import Endpoint, Fetch
from services.ingest.adapters.app_store import Secrets, pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.app_store import AT, OPTIONS, SECRETS
from tests.ingest.adapters.keypairs import ec_key, pem, rsa_key
from tests.ingest.adapters.pulling import Recording

ENDPOINT = Endpoint((SECRETS,), OPTIONS, UTC_ZONE)
SAMPLE = json.loads((SAMPLES / "app_store/customer_reviews.json").read_bytes())
NEXT = "https://api.appstoreconnect.apple.com/v1/apps/1234567890/customerReviews?cursor=AQ.ALUAAQ&limit=200&sort=-createdDate"


def page(next_page: str | None = None, **attributes: Any) -> bytes:
    """The sample with other attributes of its review, and a link to the next page."""
    review = {**SAMPLE["data"][0], "attributes": {**SAMPLE["data"][0]["attributes"], **attributes}}
    return json.dumps({**SAMPLE, "data": [review], "links": {**SAMPLE["links"], "next": next_page}}).encode()


async def test_a_step_proves_itself_with_the_teams_key() -> None:
    http = Recording(page())

    await pull(Fetch("reviews"), ENDPOINT, http, AT)

    token = http.calls[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(
        token,
        ec_key().public_key(),
        algorithms=["ES256"],
        audience="appstoreconnect-v1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "2X9R4HXF34", "typ": "JWT"}
    assert claims["iss"] == "57246542-96fe-1a63-e053-0824d011072a"
    assert claims["exp"] - claims["iat"] <= 20 * 60


async def test_the_next_page_is_asked_for_at_apple_wherever_the_link_leads() -> None:
    http = Recording(page(NEXT.replace("api.appstoreconnect.apple.com", "elsewhere.example.com")), page())

    first = await pull(Fetch("reviews"), ENDPOINT, http, AT)
    assert first.then is not None
    second = await pull(first.then, ENDPOINT, http, AT)

    asked = urlsplit(http.calls[1].url)
    assert (asked.netloc, parse_qs(asked.query)["cursor"]) == ("api.appstoreconnect.apple.com", ["AQ.ALUAAQ"])
    assert (second.then, second.cursor) == (None, {"since": "2026-03-19T09:12:41+00:00"})


async def test_a_round_ends_at_reviews_of_a_month_before_the_last_one() -> None:
    http = Recording(page(NEXT, createdDate="2025-12-01T00:00:00-07:00"))

    pulled = await pull(Fetch("reviews", {"since": datetime(2026, 3, 1, tzinfo=UTC).isoformat()}), ENDPOINT, http, AT)

    assert (pulled.events, pulled.then) == ([], None)
    assert pulled.cursor == {"since": "2026-03-01T00:00:00+00:00"}


async def test_the_companys_answer_is_a_reply_and_comes_also_to_a_review_that_was_had() -> None:
    answered = json.loads(page())
    answered["data"][0]["relationships"]["response"]["data"] = {"type": "customerReviewResponses", "id": "resp-1"}
    attributes = {"responseBody": "Fixed in 1.2.1", "lastModifiedDate": "2026-03-29T10:00:00-07:00", "state": "PUBLISHED"}
    answered["included"] = [{"type": "customerReviewResponses", "id": "resp-1", "attributes": attributes}]
    http = Recording(json.dumps(answered).encode())

    pulled = await pull(Fetch("reviews", {"since": "2026-03-28T00:00:00+00:00"}), ENDPOINT, http, AT)

    (reply,) = pulled.events
    assert (reply.type, reply.id) == ("interaction.replied.v1", "00000012-aaaa-bbbb-cccc-000000000001/reply")
    assert reply.time == datetime(2026, 3, 29, 17, tzinfo=UTC)
    assert (reply.data["text"], reply.data["thread"]) == ("Fixed in 1.2.1", "00000012-aaaa-bbbb-cccc-000000000001")


@pytest.mark.parametrize("key", ["no key", pem(rsa_key())], ids=["no key", "an RSA key"])
def test_a_key_that_apple_did_not_make_is_refused_when_it_is_set(key: str) -> None:
    with pytest.raises(ValueError, match="private_key should be"):
        Secrets(issuer_id="57246542-96fe-1a63-e053-0824d011072a", key_id="2X9R4HXF34", private_key=key)
