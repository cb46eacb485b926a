"""Delighted's webhooks. A response comes when it is given, and again when a comment or an answer is added: `updated_at` tells them apart.

https://app.delighted.com/docs/api/webhooks
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present, told
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.signatures import check_hmac
from services.ingest.adapters.times import revision
from shared.contracts.fields import Channel

_EVENTS = ("survey_response.created", "survey_response.updated")
_SURVEYS = {
    "nps": Question(instrument="nps"),
    "enps": Question(instrument="nps"),
    "csat": Question(instrument="csat", scale_min=1, scale_max=5),
    "ces": Question(instrument="ces", scale_min=1, scale_max=5, polarity="ease"),
    "stars_five": Question(instrument="csat", scale_min=1, scale_max=5),
    "smileys": Question(instrument="csat", scale_min=1, scale_max=5),
    "thumbs": Question(instrument="csat", scale_min=0, scale_max=1),
}


class Secrets(Form):
    """What Delighted signs with."""

    api_key: Annotated[str, Field(min_length=1, max_length=256, description="Settings, API: the project's API key; it signs webhooks, too")]


class Options(Form):
    """What Delighted does not tell. A ces survey is taken as 1 to 5, high is easy: say it here, as question `ces`, when yours has seven."""

    channel: Annotated[Channel, Field(description="How the survey reaches customers")] = "email"
    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One response, one `survey_answered`, known by its id."""
    keys = (secrets.api_key.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("x-delighted-webhook-signature"), request.body, keys, prefix="sha256=")
    body = json_body(request.body)
    if body["event_type"].text() not in _EVENTS:
        return Outcome(passed_over={"other_event": 1})
    response = body["event_data"]
    survey = response["survey_type"].required_id()
    questions = endpoint.options.questions
    first = _score(survey, response["score"], questions)
    answers = [*([first] if first else []), *_additional(response["additional_answers"], questions)]
    if not answers:
        return Outcome(passed_over={"no_answer": 1})
    changed_at = response["updated_at"].epoch()
    at = response["created_at"].epoch() or changed_at or response["created_at"].wrong("a time")
    person, passed = response["person"], response["person_properties"]
    data = present(
        channel=endpoint.options.channel,
        survey=survey,
        interaction_id=conversation_of(passed),
        customer={
            **present(email=person["email"].email(), phone=person["phone_number"].text(64), name=person["name"].name()),
            **customer_of(passed),
        },
        answers=answers,
        comment=response["comment"].text(),
        revision=None if changed_at is None else revision(changed_at),
    )
    return Outcome([ChannelEvent("feedback.survey_answered.v1", response["id"].required_id(), at, data)])


def _score(survey: str, score: Node, questions: Questions) -> dict[str, Any] | None:
    return told(survey, score, Node(None), questions.get(survey) or _SURVEYS.get(survey))


def _additional(answers: Node, questions: Questions) -> Iterator[dict[str, Any]]:
    """Answers to the questions behind the first: what was typed, a scale, one choice or several."""
    for answer in answers:
        question, given = answer["question"], answer["value"]
        name = question["id"].id() or answer["id"].required_id()
        asked = questions.get(name)
        for found in (
            answered(name, given["free_response"], Question(instrument="text")),
            told(name, given["scale"], Node(None), asked) if given["scale"].here else None,
            answered(name, given["select_one"]["text"], asked or Question(instrument="choice")),
            *(answered(name, one["text"], asked or Question(instrument="choice")) for one in given["select_many"]),
        ):
            if found is not None:
                yield found


ADAPTER = Adapter(
    name="delighted",
    title="Delighted",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "In Delighted open Integrations, Webhooks, and make one for new and updated responses with the URL {url}",
        "Send customer_id or conversation_id as properties of each person, so that answers find their customer",
        "Test: Send test event in Delighted's webhook settings; the answer must be 200",
    ),
)
