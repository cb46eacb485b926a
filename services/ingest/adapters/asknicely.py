"""AskNicely's response webhook: numbers and instants as texts, no signature. `count` grows with each re-send of an edited answer.

https://asknicely.zendesk.com/hc/en-us/articles/47782734299540
"""

from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import LAST_REVISION
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, answered, present
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

_CHANNELS = {"email": "email", "sms": "sms", "web": "web"}


class Options(Form):
    """Which survey this is, and what it asks."""

    survey: Annotated[str, Field(min_length=1, max_length=256, description="Under which name answers are counted")] = "asknicely"
    question: Annotated[Question, Field(description="What the score means: nps unless you changed it in AskNicely")] = Question(
        instrument="nps"
    )


def receive(request: Request, endpoint: Endpoint[TokenSecrets, Options]) -> Outcome:
    """One answer, one `survey_answered`, known by the id of its question."""
    check_sent_token(request, endpoint.secrets)
    body = json_body(request.body)
    person, question = body["person"], body["question"]
    score = answered("score", question["score"], endpoint.options.question)
    comment = question["comment"].text()
    if score is None and comment is None:
        return Outcome(passed_over={"no_answer": 1})
    said = answered("comment", Node(comment), Question(instrument="text"))
    data = present(
        channel=_CHANNELS.get((question["deliverymethod"].text() or "").lower(), "other"),
        survey=endpoint.options.survey,
        interaction_id=conversation_of(person),
        customer=customer_of(person) | present(segment=person["segment"].name()),
        answers=[answer for answer in (score or said,) if answer],
        comment=comment if score else None,
        revision=_count(body["count"]),
    )
    at = question["responded"].epoch() or question["sent"].epoch() or question["responded"].wrong("a time")
    return Outcome([ChannelEvent("feedback.survey_answered.v1", question["id"].required_id(), at, data)])


def _count(node: Node) -> int | None:
    number = node.number()
    if number is None:
        return None
    return int(number) if float(number).is_integer() and 1 <= number <= LAST_REVISION else node.wrong("how often this was sent")


ADAPTER = Adapter(
    name="asknicely",
    title="AskNicely",
    secrets=TokenSecrets,
    options=Options,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In AskNicely open Integrations, Webhooks, and add one for responses with the URL {url}?token=<the token of this endpoint>; or "
        "leave the token out and send it in the custom header X-Hearback-Token",
        "Send customer_id or conversation_id as custom properties of each person, so that answers find their customer",
        "Test: Send a survey to yourself, answer it, and look at this endpoint",
    ),
)
