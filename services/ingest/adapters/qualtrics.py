"""Qualtrics' event subscription `completedResponse`: a form that names the response; its answers are pulled.

Proven by a token behind the URL, and by an HMAC where the subscription has a sharedKey; then the notification stands as JSON in MSG.
How Qualtrics encrypts (`encrypt: true`) is not public. https://api.qualtrics.com (event subscriptions; surveys/{id}/responses/{id})
https://github.com/kyma-incubator/connector-tools qualtrics-event-gw/pkg/hmac
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, Outcome, Pulled, Request
from services.ingest.adapters.forms import form
from services.ingest.adapters.node import Node, full_name, json_body
from services.ingest.adapters.questions import Question, Questions, present, told
from services.ingest.adapters.respondents import conversation_of, customer_of
from services.ingest.adapters.signatures import check_hmac
from services.ingest.adapters.tokens import TokenSecrets, check_sent_token

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ANSWER = re.compile(r"(\d+_)?QID\d+(#\d+)?(_\d+)*(_TEXT)?")
"""Also of a question asked once for each item of a loop (2_QID1), and side by side (QID1#2_1); not its place, its NPS group, its topics."""
_NOT_REAL = (1, 2)
"""A survey's preview and its generated test responses."""
_CHANNELS = {"email": "email", "sms": "sms", "mobileapp": "app"}
_LANGUAGES = {"zh-s": "zh-Hans", "zh-t": "zh-Hant"}


class Secrets(TokenSecrets):
    """The token behind the URL, the key that notifications are signed with, and what opens Qualtrics' API."""

    shared_key: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="The sharedKey of the event subscription; leave it out where there is none"),
    ] = None
    api_token: Annotated[str, Field(min_length=1, max_length=256, description="Account Settings, Qualtrics IDs: API Token")]


class Options(Form):
    """Where the account lies, and what Qualtrics does not tell of its questions. NPS and text are known; a choice counts by its words."""

    data_center: Annotated[
        str, Field(pattern="^[a-z0-9-]{1,32}$", description="Account Settings, Qualtrics IDs: Datacenter ID, for example fra1")
    ]
    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """A completed response becomes a fetch of its answers."""
    check_sent_token(request, endpoint.secrets)
    body = form(request)
    message = body["MSG"]
    if keys := [secrets.shared_key.encode() for secrets in endpoint.secrets if secrets.shared_key]:
        check_hmac(body["HMAC"].text(), str(message.value or "").encode(), keys, "sha512")
    if "completedResponse" not in (body["Topic"].text() or ""):
        return Outcome(passed_over={"other_event": 1})
    notification = json_body(message.required_text().encode()) if message.here else body
    survey, response = (notification[id].required_like(_ID, "an id of letters and digits") for id in ("SurveyID", "ResponseID"))
    return Outcome(fetches=[Fetch(f"response:{survey}:{response}", {"survey": survey, "response": response})])


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, _: datetime) -> Pulled:
    """The response with its answers."""
    survey, response = fetch.arguments["survey"], fetch.arguments["response"]
    url = f"https://{endpoint.options.data_center}.qualtrics.com/API/v3/surveys/{survey}/responses/{response}"
    reply = await http(Call("GET", url, {"x-api-token": endpoint.secrets[0].api_token, "accept": "application/json"}))
    return Pulled(_events(json_body(reply.body)["result"], survey, response, endpoint))


def _events(result: Node, survey: str, response: str, endpoint: Endpoint[Secrets, Options]) -> list[ChannelEvent]:
    values, labels = result["values"], result["labels"]
    answers = list(_answers(values, labels, endpoint.options.questions))
    if not answers or values["status"].number() in _NOT_REAL:
        return []
    at = values["endDate"].iso(endpoint.zone) or values["recordedDate"].iso(endpoint.zone) or values["endDate"].wrong("a time")
    spoken = (values["userLanguage"].text(35) or "").lower()
    data = present(
        channel=_CHANNELS.get((values["distributionChannel"].text() or "").lower(), "web"),
        survey=survey,
        interaction_id=conversation_of(values),
        customer=_customer(values),
        language=_LANGUAGES.get(spoken, spoken) if len(spoken) >= 2 else None,
        answers=answers,
    )
    return [ChannelEvent("feedback.survey_answered.v1", response, at, data)]


def _customer(values: Node) -> dict[str, Any]:
    recipient = present(
        id=values["externalDataReference"].id(),
        email=values["recipientEmail"].email(),
        name=full_name(values["recipientFirstName"], values["recipientLastName"]),
    )
    return {**recipient, **customer_of(values)}


def _answers(values: Node, labels: Node, questions: Questions) -> Iterator[dict[str, Any]]:
    for name, value in values.members():
        if not _ANSWER.fullmatch(name):
            continue
        asked = questions.get(name) or _known(name, values)
        for number, words in _pairs(value, labels[name]):
            found = told(name, number, words, asked)
            if found is not None:
                yield found


def _pairs(value: Node, label: Node) -> list[tuple[Node, Node]]:
    """The number and the words of what was chosen; of each, where several could be."""
    if not isinstance(value.value, list):
        return [(value, label)]
    words = list(label) if isinstance(label.value, list) else []
    return [(number, words[place] if place < len(words) else Node(None)) for place, number in enumerate(value)]


def _known(name: str, values: Node) -> Question | None:
    """What Qualtrics tells of a question: NPS has a group beside the points, what was typed ends in _TEXT."""
    if values[f"{name}_NPS_GROUP"].here:
        return Question(instrument="nps")
    return Question(instrument="text") if name.endswith("_TEXT") else None


ADAPTER = Adapter(
    name="qualtrics",
    title="Qualtrics",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    unsigned_body=True,
    setup=(
        "In Qualtrics make an event subscription: POST https://<data center>.qualtrics.com/API/v3/eventsubscriptions with your "
        "X-API-TOKEN, topics surveyengine.completedResponse.<survey id>, and publicationUrl {url}?token=<the token of this endpoint>; "
        "better with a sharedKey, given to this endpoint as shared_key, so that the notification itself is proven; encrypt stays false",
        "Say in the options what each scale asks, by the question's id (QID2); NPS questions are known",
        "Pass customer_id or conversation_id as embedded data, so that answers find their customer",
        "Test: answer the survey yourself, not in preview; the endpoint shows the fetch, and within seconds the answers",
    ),
)
