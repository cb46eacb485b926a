"""Google's tokens on pushes: whose they are, for whom, and until when."""

import base64
import json
from datetime import timedelta

import jwt
import pytest

from services.ingest.adapters.adapter import Endpoint, NoOptions, NotProven, Outcome, Request
from services.ingest.adapters.google_business import keys, receive
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.cases.google_business import AT, CASES, CLAIMS, FETCH, SECRETS, URL, bearing
from tests.ingest.adapters.keypairs import ec_key, jwks, rsa_key

ENDPOINT = Endpoint((SECRETS,), NoOptions(), UTC_ZONE)


def pushed(authorization: str, body: bytes = CASES[0].body, at: timedelta = timedelta()) -> Outcome:
    """What becomes of a push with that header."""
    return receive(Request("POST", URL, {"authorization": authorization}, body, AT + at, jwks("key-1")), ENDPOINT)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-audience"},
        {"email": "another@example.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"iss": "https://accounts.evil.example"},
        {"aud": ["hearback-reviews", "x"]},
    ],
    ids=str,
)
def test_a_token_that_google_made_for_somebody_else_proves_nothing(claims: dict[str, object]) -> None:
    authorization = bearing(**claims)[1]["authorization"]

    with pytest.raises(NotProven) as refused:
        pushed(authorization)

    assert refused.value.reason == "wrong_token"


@pytest.mark.parametrize("late", [timedelta(hours=2), -timedelta(hours=1)], ids=str)
def test_a_token_holds_from_when_it_was_made_until_it_ends(late: timedelta) -> None:
    authorization = bearing()[1]["authorization"]

    with pytest.raises(NotProven) as refused:
        pushed(authorization, at=late)

    assert refused.value.reason == "stale"
    assert pushed(authorization, at=timedelta(minutes=59)).fetches == [FETCH]


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode(CLAIMS, ec_key(), algorithm="ES256", headers={"kid": "key-1"}),
        jwt.encode(CLAIMS, rsa_key(), algorithm="RS256", headers={"kid": "key-2"}),
        jwt.encode(CLAIMS, "x" * 32, algorithm="HS256", headers={"kid": "key-1"}),
        jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "key-1"}),
        "a.b.c",
        "☃",
    ],
    ids=["another algorithm", "an unknown key", "a shared secret", "none", "no token", "no ASCII"],
)
def test_a_token_that_google_did_not_sign_proves_nothing(token: str) -> None:
    with pytest.raises(NotProven) as refused:
        pushed(f"Bearer {token}")

    assert refused.value.reason == "wrong_token"


def test_without_a_token_no_keys_are_fetched() -> None:
    bare = Request("POST", URL, {}, CASES[0].body, AT)

    assert keys(bare, ENDPOINT) is None


def test_both_spellings_of_a_notification_are_read() -> None:
    old = {"notification_type": "UPDATED_REVIEW", "review_name": "accounts/1001/locations/2002/reviews/AbFvOqkExample"}
    body = json.dumps({"message": {"data": base64.b64encode(json.dumps(old).encode()).decode()}}).encode()

    outcome = pushed(bearing()[1]["authorization"], body)

    assert outcome.fetches == [FETCH]


def test_other_notifications_are_passed_over() -> None:
    body = json.dumps({"message": {"data": base64.b64encode(b'{"notificationType": "NEW_QUESTION"}').decode()}}).encode()

    outcome = pushed(bearing()[1]["authorization"], body)

    assert (outcome.fetches, outcome.passed_over) == ((), {"other_event": 1})
