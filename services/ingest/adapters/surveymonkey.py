"""SurveyMonkey's webhooks. They say only that there is a response; its answers are pulled.

https://api.surveymonkey.com/v3/docs#webhooks, #api-endpoints-get-surveys-id-responses-id-details
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, Outcome, Pulled, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present, told
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.signatures import base64_text, check_hmac
from services.ingest.adapters.times import revision

_HOSTS = {"us": "api.surveymonkey.com", "eu": "api.eu.surveymonkey.com", "ca": "api.surveymonkey.ca"}
_DIGITS = re.compile(r"[0-9]{1,32}")
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class Secrets(Form):
    """What SurveyMonkey signs with, and what opens its API."""

    api_key: Annotated[str, Field(min_length=1, max_length=256, description="developer.surveymonkey.com, My Apps, Settings: Client ID")]
    api_secret: Annotated[str, Field(min_length=1, max_length=256, description="The same page: Secret")]
    access_token: Annotated[
        str, Field(min_length=1, max_length=1024, description="The same page: Access Token, with the scope View Response Details")
    ]


class Options(Form):
    """Where the account lies, and what SurveyMonkey does not tell of its questions: a choice counts by its words unless said here."""

    data_center: Annotated[Literal["us", "eu", "ca"], Field(description="Where your account's data is kept")] = "us"
    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """A finished or changed response becomes a fetch of its answers. The probe of a new webhook is a HEAD without a body."""
    if request.method == "HEAD":
        return Outcome()
    keys = (f"{secrets.api_key}&{secrets.api_secret}".encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("sm-signature"), request.body, keys, "sha1", written=base64_text)
    body = json_body(request.body)
    if body["event_type"].text() not in ("response_completed", "response_updated"):
        return Outcome(passed_over={"other_event": 1})
    survey, response = (id.required_like(_DIGITS, "an id of digits") for id in (body["resources"]["survey_id"], body["object_id"]))
    return Outcome(fetches=[Fetch(f"response:{survey}:{response}", {"survey": survey, "response": response})])


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, _: datetime) -> Pulled:
    """The response with its answers; `simple` adds the words of each choice."""
    survey, response = fetch.arguments["survey"], fetch.arguments["response"]
    query = urlencode({"simple": "true"})
    url = f"https://{_HOSTS[endpoint.options.data_center]}/v3/surveys/{survey}/responses/{response}/details?{query}"
    headers = {"authorization": f"Bearer {endpoint.secrets[0].access_token}", "accept": "application/json"}
    reply = await http(Call("GET", url, headers))
    return Pulled(_events(json_body(reply.body), survey, response, endpoint))


def _events(found: Node, survey: str, response: str, endpoint: Endpoint[Secrets, Options]) -> list[ChannelEvent]:
    questions = (question for page in found["pages"] for question in page["questions"])
    answers = [answer for question in questions for answer in _answers(question, endpoint.options.questions)]
    changed_at = (
        found["date_modified"].iso(endpoint.zone) or found["date_created"].iso(endpoint.zone) or found["date_modified"].wrong("a time")
    )
    if not answers:
        return []
    passed = found["custom_variables"]
    contact = found["metadata"]["contact"]
    names = (found[part].name() or contact[part]["value"].name() for part in ("first_name", "last_name"))
    sent_to = {
        "email": found["email_address"].email() or contact["email"]["value"].email(),
        "name": " ".join(filter(None, names))[:256] or None,
    }
    data = present(
        channel="web",
        survey=survey,
        interaction_id=conversation_of(passed),
        customer=present(**{**sent_to, **customer_of(passed)}),
        answers=answers,
        revision=revision(changed_at),
    )
    return [ChannelEvent("feedback.survey_answered.v1", response, changed_at, data)]


def _answers(question: Node, questions: Questions) -> Iterator[dict[str, Any]]:
    """The answers to one question; each row of a matrix is a question of its own, named by question and row."""
    id = question["id"].required_id()
    whole = questions.get(id) or questions.get(question["heading"].name() or "")
    for answer in question["answers"]:
        row = answer["row_id"].id() if answer["choice_id"].here or answer["col_id"].here else None
        name = id if row is None else f"{id}.{row}"
        asked = questions.get(name) or whole
        found = _answer(name, answer, asked)
        if found is not None:
            yield found


def _answer(name: str, answer: Node, asked: Question | None) -> dict[str, Any] | None:
    if not answer["choice_id"].here:
        written = answer["text"] if answer["text"].here else answer["simple_text"]
        return answered(name, written, asked if asked is not None and not answer["other_id"].here else Question(instrument="text"))
    words = answer["simple_text"] if answer["simple_text"].here else answer["choice_id"]
    if asked is not None and asked.instrument == "nps":
        # Weights may be those of detractors and promoters; the points stand in the words: "9", "Not at all likely - 0".
        points = _LAST_NUMBER.search(words.text() or "")
        return answered(name, Node(points[1]) if points else words, asked)
    return told(name, answer["choice_metadata"]["weight"], words, asked)


ADAPTER = Adapter(
    name="surveymonkey",
    title="SurveyMonkey",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    setup=(
        "At developer.surveymonkey.com make a private app with the scopes View Surveys, View Responses, View Response Details, "
        "Create/Modify Webhooks",
        "Create the webhook: POST https://api.surveymonkey.com/v3/webhooks with event_type response_completed (another one for "
        "response_updated), object_type survey, object_ids, and subscription_url {url}",
        "Say in the options what each scale asks, by the question's id or its heading",
        "Pass customer_id, email or conversation_id as custom variables, so that answers find their customer",
        "Test: answer the survey yourself; the endpoint shows the fetch, and within seconds the answers",
    ),
)
