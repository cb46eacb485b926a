"""Typeform's `form_response` webhook. Signed over the body without a timestamp: a repetition is known by the response's token.

https://www.typeform.com/developers/webhooks/secure-your-webhooks, /webhooks/example-payload
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.signatures import base64_text, check_hmac


class Secrets(Form):
    """What Typeform signs with."""

    secret: Annotated[str, Field(min_length=1, max_length=256, description="The webhook's secret; in Typeform: Connect, Webhooks, Edit")]


class Options(Form):
    """What Typeform does not tell of its questions. A rating is csat of 1 to 5 and an opinion scale likert of 0 to 10 unless said here."""

    questions: Questions = Field(default_factory=dict)


_TEXT, _CHOICE, _YES_NO = (Question(instrument=instrument) for instrument in ("text", "choice", "yes_no"))
_BY_FIELD = {
    "nps": Question(instrument="nps"),
    "rating": Question(instrument="csat", scale_min=1, scale_max=5),
    "opinion_scale": Question(instrument="likert", scale_min=0, scale_max=10),
}
_BY_ANSWER = {"boolean": _YES_NO, "choice": _CHOICE, "choices": _CHOICE}
_CONTACT = {"email": "email", "phone_number": "phone"}
"""What people type here is how to reach them, and no answer."""


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One response, one `survey_answered`, known by its token."""
    keys = (secrets.secret.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("typeform-signature"), request.body, keys, written=base64_text, prefix="sha256=")
    body = json_body(request.body)
    if body["event_type"].text() != "form_response":
        return Outcome(passed_over={"other_event": 1})
    response = body["form_response"]
    answers = [found for answer in response["answers"] for found in _answers(answer, endpoint.options)]
    if not answers:
        return Outcome(passed_over={"no_answer": 1})
    contacts = [(kind, answer[kind].value) for answer in response["answers"] if (kind := answer["type"].text()) in _CONTACT]
    typed = {_CONTACT[kind]: value for kind, value in reversed(contacts)}
    hidden = response["hidden"]
    data = present(
        channel="web",
        survey=response["form_id"].required_id(),
        interaction_id=conversation_of(hidden),
        customer=customer_of(Node(typed)) | customer_of(hidden),
        answers=answers[:200],
    )
    at = response["submitted_at"].iso(endpoint.zone) or request.at
    return Outcome([ChannelEvent("feedback.survey_answered.v1", response["token"].required_id(), at, data)])


def _answers(answer: Node, options: Options) -> Iterator[dict[str, Any]]:
    """The answer to one question, or all that were chosen or ranked; what is no answer in words (a payment, a video) is left out."""
    field, kind = answer["field"], answer["type"].text() or ""
    if kind in _CONTACT:
        return
    name = field["ref"].name() or field["id"].required_id()
    asked = options.questions.get(name) or _BY_FIELD.get(field["type"].text() or "") or _BY_ANSWER.get(kind, _TEXT)
    value = answer[kind]
    match kind:
        case "choice":
            values = [value["label"], value["other"]]
        case "choices":
            values = [*value["labels"], value["other"]]
        case _:
            values = [] if isinstance(value.value, dict | list) else [value]
    yield from (found for one in values if (found := answered(name, one, asked)) is not None)


ADAPTER = Adapter(
    name="typeform",
    title="Typeform",
    secrets=Secrets,
    options=Options,
    receive=receive,
    setup=(
        "In Typeform open the form, then Connect, Webhooks, Add a webhook, and paste {url}",
        "Edit the webhook: set the secret of this endpoint, and switch SSL verification and the webhook on",
        "Pass customer_id, email or conversation_id as hidden fields, so that answers find their customer",
        "Test: View deliveries, Send test request; the answer must be 200",
    ),
)
