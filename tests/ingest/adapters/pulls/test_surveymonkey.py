"""The pull behind SurveyMonkey's notifications: which page is asked for, with which key, and what an unfinished response is."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from services.ingest.adapters.adapter import Endpoint, Request, Unreadable
from services.ingest.adapters.surveymonkey import Options, pull, receive
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.surveymonkey import CASES, FETCH, OPTIONS, SECRETS
from tests.ingest.adapters.pulling import Recording

AT = CASES[0].at
DETAILS = (SAMPLES / "surveymonkey/api_response_details.json").read_bytes()


async def test_the_details_are_asked_for_where_the_account_lies() -> None:
    http = Recording(DETAILS)
    endpoint = Endpoint((SECRETS,), OPTIONS.model_copy(update={"data_center": "eu"}), UTC_ZONE)

    await pull(FETCH, endpoint, http, AT)

    (call,) = http.calls
    parts = urlsplit(call.url)
    assert (parts.netloc, parts.path) == ("api.eu.surveymonkey.com", "/v3/surveys/123456789/responses/987654321/details")
    assert parse_qs(parts.query) == {"simple": ["true"]}
    assert call.headers["authorization"] == "Bearer test-access-token"


async def test_a_response_without_answers_is_no_event() -> None:
    http = Recording(json.dumps({**json.loads(DETAILS), "pages": []}).encode())

    pulled = await pull(FETCH, Endpoint((SECRETS,), Options(), UTC_ZONE), http, AT)

    assert pulled.events == []


async def test_the_answers_of_a_later_version_have_a_higher_revision() -> None:
    later = json.dumps({**json.loads(DETAILS), "date_modified": "2026-03-19T11:00:00+00:00"}).encode()
    http, endpoint = Recording(DETAILS, later), Endpoint((SECRETS,), OPTIONS, UTC_ZONE)

    first, second = (await pull(FETCH, endpoint, http, AT)).events[0], (await pull(FETCH, endpoint, http, AT)).events[0]

    assert first.id == second.id
    assert first.data["revision"] < second.data["revision"]


async def test_what_the_vendor_refuses_is_raised_for_the_next_attempt() -> None:
    http = Recording(ConnectionError("429"))

    with pytest.raises(ConnectionError):
        await pull(FETCH, Endpoint((SECRETS,), Options(), UTC_ZONE), http, AT)


def test_the_probe_of_a_new_webhook_is_answered_200() -> None:
    probe = Request("HEAD", "https://feedback.example.com/v1/channels/surveymonkey/1", {}, b"", AT)

    outcome = receive(probe, Endpoint((SECRETS,), Options(), UTC_ZONE))

    assert (outcome.answer.status, outcome.fetches, outcome.events) == (200, (), ())


@pytest.mark.parametrize("id", ["1/../2", "", "x" * 40, "１"])
def test_an_id_that_does_not_fit_a_path_is_not_fetched(id: str) -> None:
    body = json.dumps({**json.loads(CASES[0].body), "object_id": id}).encode()

    with pytest.raises(Unreadable):
        CASES[0].receive(CASES[0].request(body))
