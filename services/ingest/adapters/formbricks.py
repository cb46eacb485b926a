"""Formbricks' webhooks, signed as Standard Webhooks. The body is one object, in older releases a list of them.

https://formbricks.com/docs/xm-and-surveys/core-features/integrations/webhooks
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present, told
from services.ingest.adapters.respondents import RESERVED, conversation_of, customer_of
from services.ingest.adapters.standard_webhooks import check_standard_webhook
from services.ingest.adapters.times import revision

_EVENTS = ("responseCreated", "responseUpdated", "responseFinished")


class Secrets(Form):
    """What Formbricks signs with."""

    secret: Annotated[str, Field(min_length=1, max_length=256, description="Shown when the webhook is made, beginning with whsec_")]


class Options(Form):
    """Formbricks sends numbers without saying what was asked: every rating and NPS question has to be named here. Texts are known."""

    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """Each response one `survey_answered`, from its first answer on; what follows replaces it."""
    check_standard_webhook(request, (secrets.secret for secrets in endpoint.secrets))
    body = json_body(request.body)
    several = list(body) if isinstance(body.value, list) else [body]
    return gathered(_found(one, endpoint) for one in several)


def _found(sent: Node, endpoint: Endpoint[Secrets, Options]) -> Found:
    if sent["event"].text() not in _EVENTS:
        return "other_event"
    response = sent["data"]
    passed = response["data"]
    answers = [
        answer
        for name, value in passed.members()
        if name and name not in RESERVED
        for answer in _answers(name, value, endpoint.options.questions)
    ]
    if not answers:
        return "no_answer"
    changed_at = response["updatedAt"].iso(endpoint.zone)
    at = changed_at or response["createdAt"].iso(endpoint.zone) or response["updatedAt"].wrong("a time")
    known = response["contactAttributes"]
    language = response["language"].language()
    data = present(
        channel="web",
        survey=response["surveyId"].required_id(),
        interaction_id=conversation_of(passed),
        customer={**customer_of(known), **customer_of(passed)},
        language=None if language == "default" else language,
        answers=answers,
        revision=None if changed_at is None else revision(changed_at),
    )
    return ChannelEvent("feedback.survey_answered.v1", response["id"].required_id(), at, data)


def _answers(name: str, value: Node, questions: Questions) -> Iterator[dict[str, Any]]:
    """The answers to one question: of a list each choice, of a matrix each row."""
    asked = questions.get(name)
    if isinstance(value.value, list):
        found = [_answer(name, part, asked or Question(instrument="choice")) for part in value]
    elif isinstance(value.value, dict):
        rows = [(row, part) for row, part in value.members() if isinstance(part.value, str)]
        found = [
            _answer(f"{name}.{row}", part, questions.get(f"{name}.{row}") or asked or Question(instrument="choice")) for row, part in rows
        ]
    else:
        found = [_answer(name, value, asked)]
    return (answer for answer in found if answer is not None)


def _answer(name: str, value: Node, asked: Question | None) -> dict[str, Any] | None:
    if asked is None and isinstance(value.value, str):
        return answered(name, value, Question(instrument="text"))
    return told(name, value, Node(None), asked)


ADAPTER = Adapter(
    name="formbricks",
    title="Formbricks",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "In Formbricks open Configuration, Integrations, Webhooks, Add webhook; paste {url}, choose Response Finished (and Response "
        "Updated for those who stop half-way)",
        "Copy the secret that is shown then, and give it to this endpoint: POST {public}/v1/endpoints/{id}/rotate with "
        '{"secrets": {"secret": "whsec_…"}}',
        "Say in the options what each rating and NPS question asks, by the question's id",
        "Pass customer_id, email or conversation_id as hidden fields, so that answers find their customer",
        "Test: answer the survey yourself; the endpoint shows the response",
    ),
)
