"""The pull behind Qualtrics' notifications."""

import json
from typing import Any

import pytest

from services.ingest.adapters.adapter import Endpoint, Unreadable
from services.ingest.adapters.qualtrics import Options, pull
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.qualtrics import AT, CASES, FETCH, OPTIONS, SECRETS
from tests.ingest.adapters.pulling import Recording

SAMPLE = json.loads((SAMPLES / "qualtrics/api_get_response.json").read_bytes())


def response(labels: dict[str, Any], **values: Any) -> bytes:
    """The sample with other values."""
    result = SAMPLE["result"]
    return json.dumps({"result": {**result, "values": {**result["values"], **values}, "labels": {**result["labels"], **labels}}}).encode()


async def test_the_response_is_asked_for_in_the_brands_data_center() -> None:
    http = Recording(response({}))

    await pull(FETCH, Endpoint((SECRETS,), OPTIONS, UTC_ZONE), http, AT)

    (call,) = http.calls
    assert call.url == "https://fra1.qualtrics.com/API/v3/surveys/SV_aaaaaaaaaaaaaaa/responses/R_2uX1mSmsWvXJkYz"
    assert call.headers["x-api-token"] == "test-api-token"


async def test_of_several_choices_each_is_an_answer() -> None:
    http = Recording(response({"QID5": ["Phone", "Chat"]}, QID5=["1", "3"]))

    pulled = await pull(FETCH, Endpoint((SECRETS,), OPTIONS, UTC_ZONE), http, AT)

    answers = [answer for answer in pulled.events[0].data["answers"] if answer["question"] == "QID5"]
    assert answers == [{"question": "QID5", "instrument": "choice", "choice": choice} for choice in ("Phone", "Chat")]


async def test_a_choice_that_the_options_do_not_explain_counts_by_its_words() -> None:
    http = Recording(response({}))

    pulled = await pull(FETCH, Endpoint((SECRETS,), Options(data_center="fra1"), UTC_ZONE), http, AT)

    assert {"question": "QID2", "instrument": "choice", "choice": "Somewhat satisfied"} in pulled.events[0].data["answers"]


async def test_a_number_that_the_options_do_not_explain_is_kept_until_they_do() -> None:
    http = Recording(response({}, QID9=35))

    with pytest.raises(Unreadable, match="QID9"):
        await pull(FETCH, Endpoint((SECRETS,), OPTIONS, UTC_ZONE), http, AT)


@pytest.mark.parametrize(("name", "is_answer"), [("2_QID7", True), ("QID7#2_1", True), ("QID7_4_TEXT", True), ("QID7_DO_1", False)])
async def test_questions_in_loops_and_side_by_side_are_answers_and_their_places_are_not(name: str, is_answer: bool) -> None:
    http = Recording(response({name: "Phone"}, **{name: "1"}))

    pulled = await pull(FETCH, Endpoint((SECRETS,), OPTIONS, UTC_ZONE), http, AT)

    assert (name in [answer["question"] for answer in pulled.events[0].data["answers"]]) is is_answer


@pytest.mark.parametrize("status", [1, 2])
async def test_previews_and_test_responses_are_no_feedback(status: int) -> None:
    http = Recording(response({}, status=status))

    pulled = await pull(FETCH, Endpoint((SECRETS,), OPTIONS, UTC_ZONE), http, AT)

    assert pulled.events == []


def test_other_topics_are_passed_over() -> None:
    body = CASES[0].body.replace(b"completedResponse", b"activatedSurvey")

    outcome = CASES[0].receive(CASES[0].request(body))

    assert (outcome.fetches, outcome.passed_over) == ((), {"other_event": 1})
