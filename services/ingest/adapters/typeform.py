"""Typeform's `form_response` webhook. Signed over the body without a timestamp: a repetition is known by the response's token.

https://www.typeform.com/developers/webhooks/secure-your-webhooks
"""

from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import Question, Questions, answered, present
from services.ingest.adapters.signatures import base64_text, check_hmac


class Secrets(Form):
    """What Typeform signs with."""

    secret: Annotated[str, Field(min_length=1, max_length=256, description="The webhook's secret; in Typeform: Connect, Webhooks, Edit")]


class Options(Form):
    """What Typeform does not tell of its questions. A rating is csat of 1 to 5 and an opinion scale likert of 0 to 10 unless said here."""

    questions: Questions = Field(default_factory=dict)


_KINDS = {
    "nps": Question(instrument="nps"),
    "rating": Question(instrument="csat", scale_min=1, scale_max=5),
    "opinion_scale": Question(instrument="likert", scale_min=0, scale_max=10),
    "yes_no": Question(instrument="yes_no"),
    "choice": Question(instrument="choice"),
}
_TEXT = Question(instrument="text")


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One response, one `survey_answered`, known by its token."""
    keys = (secrets.secret.encode() for secrets in endpoint.secrets)
    check_hmac(request.headers.get("typeform-signature"), request.body, keys, written=base64_text, prefix="sha256=")
    body = json_body(request.body)
    if body["event_type"].text() != "form_response":
        return Outcome(passed_over={"other_event": 1})
    response = body["form_response"]
    answers = [found for found in (_answer(answer, endpoint.options) for answer in response["answers"]) if found is not None]
    if not answers:
        return Outcome(passed_over={"no_answer": 1})
    hidden = response["hidden"]
    customer = present(id=hidden["customer_id"].id(), email=hidden["email"].email())
    data = present(
        channel="web",
        survey=response["form_id"].required_id(),
        interaction_id=hidden["conversation_id"].id(),
        customer=customer,
        answers=answers,
    )
    at = response["submitted_at"].iso(endpoint.zone) or request.at
    return Outcome([ChannelEvent("feedback.survey_answered.v1", response["token"].required_id(), at, data)])


def _answer(answer: Node, options: Options) -> dict[str, Any] | None:
    field = answer["field"]
    name = field["ref"].name() or field["id"].required_id()
    kind = answer["type"].text() or ""
    asked = options.questions.get(name) or _KINDS.get(field["type"].text() or "") or _KINDS.get(kind, _TEXT)
    value = answer[kind] if kind else answer
    return answered(name, value["label"] if kind == "choice" else value, asked)


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
