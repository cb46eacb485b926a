"""Twilio: text messages, digits and words gathered on a call, ends of calls, tasks of TaskRouter, fates of our own messages.

https://www.twilio.com/docs/messaging/guides/webhook-request, /voice/twiml, /taskrouter/api/event/reference
"""

from typing import Annotated

from pydantic import Field

from services.ingest.adapters import twilio_reading as reading
from services.ingest.adapters.adapter import Adapter, Answer, Endpoint, Form, Outcome, Request
from services.ingest.adapters.conversations import Treated
from services.ingest.adapters.forms import form, query
from services.ingest.adapters.gathering import gathered
from services.ingest.adapters.questions import Question, Questions
from services.ingest.adapters.twilio_signature import check_twilio
from shared.contracts.fields import NAME_LENGTH

NOTHING_TO_SAY = Answer(200, b'<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml")
"""TwiML without a verb: no reply to a text message; a call ends."""
NO_CONTENT = Answer(204)

_DIGITS = Question(instrument="csat", scale_min=1, scale_max=5)


class Secrets(Form):
    """What Twilio signs with."""

    auth_token: Annotated[
        str, Field(min_length=1, max_length=256, description="The account's Auth Token; in the Twilio Console: Account Info")
    ]


class Options(Treated):
    """What is asked by text message, as the question `sms`, and on calls, by the name behind a <Gather>'s URL: `?question=…`, without which
    it is `digits`. Digits are csat of 1 to 5 unless their question is described."""

    survey: Annotated[
        str,
        Field(min_length=1, max_length=NAME_LENGTH, description="The survey under which digits, and scores in text messages, are counted"),
    ] = "twilio"
    questions: Questions = Field(default_factory=dict)


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One request; its fields say what it is about."""
    check_twilio(request, (secrets.auth_token for secrets in endpoint.secrets))
    sent, asked, options = form(request), query(request.url), endpoint.options
    if sent["EventType"].here:
        return gathered([reading.task_completed(sent)], NO_CONTENT)
    if sent["MessageStatus"].here:
        return gathered([reading.message_failed(sent, asked, request.at)], NO_CONTENT)
    if sent["MessageSid"].here:
        return gathered([reading.message(sent, options, options.questions.get("sms"), options.survey, request.at)], NOTHING_TO_SAY)
    if sent["Digits"].here or sent["SpeechResult"].here:
        name = asked["question"].name() or "digits"
        return gathered(
            [reading.gathered_on_call(sent, name, options.questions.get(name, _DIGITS), options.survey, request.at)], NOTHING_TO_SAY
        )
    return gathered([reading.call_ended(sent, endpoint.zone)], NO_CONTENT)


ADAPTER = Adapter(
    name="twilio",
    title="Twilio",
    secrets=Secrets,
    options=Options,
    receive=receive,
    kept=NOTHING_TO_SAY,
    setup=(
        "Text messages: in the Twilio Console, Phone Numbers, Active numbers, the number, Messaging, A message comes in: {url}, HTTP POST",
        "Digits on calls: give <Gather> the action {url}?question=NAME and method POST, and describe NAME here unless it is csat of 1 to 5",
        "Ends of calls: Phone Numbers, the number, Voice, Call status changes: {url}, HTTP POST",
        "Tasks: TaskRouter, the workspace, Settings, Event callbacks: {url}, event Task completed",
        "Fates of messages that we send: StatusCallback {url}?invitation=ID, or ?case=ID",
        "Test: send a text message to the number, or run the call flow; the Console's Monitor, Logs, Errors stays empty",
    ),
)
