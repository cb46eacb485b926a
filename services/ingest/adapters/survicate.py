"""Survicate's webhook: each answer of a respondent by itself, proven by a token and an HMAC.

The documentation does not say whether the HMAC is written in hexadecimal digits or in base64: both hold.
https://developers.survicate.com/webhooks/security, /events, /answer-types
"""

import hmac
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present, told
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.signatures import base64_text, check_any, check_token, hexadecimal
from services.ingest.adapters.times import revision

_NPS_GROUPS = ("promoter", "passive", "detractor")
_CHOICE, _TEXT = Question(instrument="choice"), Question(instrument="text")


class Secrets(Form):
    """What Survicate proves itself with; both stand in Integrations, Webhooks, Settings."""

    signing_secret: Annotated[str, Field(min_length=1, max_length=256, description="Integrations, Webhooks, Settings: Signing secret")]
    token: Annotated[str, Field(min_length=1, max_length=256, description="Integrations, Webhooks, Settings: Verification token")]


class Options(Form):
    """What Survicate does not tell of its questions. NPS and text are known; a rating comes in words and counts as a choice unless said."""

    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One answered question, one `survey_answered`, known by response and question; answered anew, it replaces the older answer."""
    digests = [hmac.digest(secrets.signing_secret.encode(), request.body, "sha256") for secrets in endpoint.secrets]
    check_any(request.headers.get("hmac"), [written(digest) for digest in digests for written in (hexadecimal, base64_text)])
    check_token(request.headers.get("token"), (secrets.token for secrets in endpoint.secrets))
    answer = json_body(request.body)["event"]["questionAnswered"]
    if not answer.here:
        return Outcome(passed_over={"other_event": 1})
    question = answer["question"]["id"].required_id()
    answers = list(_answers(question, answer, endpoint.options.questions))
    if not answers:
        return Outcome(passed_over={"no_answer": 1})
    at = answer["timestamp"].iso(endpoint.zone)
    passed = _attributes(answer["respondent"]["attributes"])
    data = present(
        channel="web",
        survey=answer["survey"]["id"].required_id(),
        interaction_id=conversation_of(passed),
        customer=customer_of(passed),
        answers=answers,
        comment=answer["choice"]["comment"].text(),
        revision=None if at is None else revision(at),
    )
    id = Node(f"{answer['responseUuid'].required_id()}/{question}").required_id()
    return Outcome([ChannelEvent("feedback.survey_answered.v1", id, at or request.at, data)])


def _attributes(node: Node) -> Node:
    """The respondent's attributes; where there are none, Survicate sends an empty list."""
    return Node(None, node.place) if isinstance(node.value, list) else node


def _answers(question: str, answer: Node, questions: Questions) -> Iterator[dict[str, Any]]:
    asked = questions.get(question)
    choice, several, rows = answer["choice"], answer["choices"], answer["matrix"]
    found = [
        _chosen(question, choice, asked),
        answered(question, answer["text"], asked or _TEXT),
        answered(question, answer["date"], _TEXT),
        *(answered(question, one["body"], asked or _CHOICE) for one in several),
        *(_row(question, row, questions) for row in rows),
    ]
    return (one for one in found if one is not None)


def _chosen(question: str, choice: Node, asked: Question | None) -> dict[str, Any] | None:
    if choice["body"].text() in _NPS_GROUPS and asked is None:
        return answered(question, choice["id"], Question(instrument="nps"))
    return told(question, Node(None), choice["body"], asked)


def _row(question: str, row: Node, questions: Questions) -> dict[str, Any] | None:
    name = f"{question}.{row['body'].required_text()}"[:256]
    return answered(name, row["value"], questions.get(name) or questions.get(question) or _CHOICE)


ADAPTER = Adapter(
    name="survicate",
    title="Survicate",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "In Survicate open Integrations, Webhooks, Settings, and copy verification token and signing secret into this endpoint",
        "Open the survey, Connect, Webhooks: paste {url} and choose to send each answer",
        "Say in the options what each rating asks, by the question's id, and the points of its words",
        "Pass customer_id, email or conversation_id as attributes of the respondent, so that answers find their customer",
        "Test: answer the survey yourself; the endpoint shows the answers",
    ),
)
