"""What Twilio's fields say, by kind of request. Numbers on messaging networks carry the network before a colon: whatsapp:+1415…"""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.conversations import Treated, said
from services.ingest.adapters.gathering import Found
from services.ingest.adapters.node import Node, id_of, json_body
from services.ingest.adapters.questions import Question, answered, present
from shared.contracts.identity import address_hash

_NETWORKS = {"whatsapp": "messaging", "messenger": "messaging", "rcs": "messaging"}
_DIRECTIONS = {"inbound": "inbound", "outbound-api": "outbound", "outbound-dial": "outbound"}
_ENDS = {"completed", "busy", "no-answer", "failed", "canceled"}
_TASK_CHANNELS = {"voice": "phone", "chat": "chat", "sms": "sms", "email": "email", "web": "chat", "whatsapp": "messaging"}
_PERMANENT = {"21610", "21614", "30003", "30005", "30006"}
"""Error codes: opted out, no mobile number, unreachable, unknown, a landline. https://www.twilio.com/docs/api/errors"""

STOP = "STOP"
"""What stands for any word by which somebody told Twilio that they want no more messages; that is no complaint."""
_BEGINS_WITH_NUMBER = re.compile(r"\s*(-?\d{1,3})(?!\d)[\s.,;:!)/-]*(.*)", re.DOTALL)


def message(form: Node, treated: Treated, asked: Question | None, survey: str, at: datetime) -> Found:
    """A text message: an answer to the question by text message when it begins with a number on its scale, else what a customer says."""
    opted = form["OptOutType"].text()
    if opted in ("START", "HELP"):
        return "opted_in"
    sid, text = form["MessageSid"].required_id(), form["Body"].text()
    if opted == STOP:
        treated, text = Treated(), STOP
    if text is None:
        return "no_text"
    network, _, number = (form["From"].text() or "").rpartition(":")
    sender = Node(number).phone()
    customer = present(phone=sender, phone_verified=True if sender else None)
    channel = _NETWORKS.get(network, "sms")
    begins = _BEGINS_WITH_NUMBER.fullmatch(text)
    score = None if asked is None or begins is None or not _on_scale(int(begins[1]), asked) else answered("sms", Node(begins[1]), asked)
    if score is None:
        return said(treated, sid, at, text, thread=form["From"].id() or sid, channel=channel, customer=customer)
    words = answered("sms", Node(begins[2] if begins else None), Question(instrument="text"))
    answers = [answer for answer in (score, words) if answer is not None]
    data = present(channel=channel, customer=customer, survey=survey, answers=answers)
    return ChannelEvent("feedback.survey_answered.v1", sid, at, data)


def _on_scale(score: int, asked: Question) -> bool:
    if asked.instrument == "nps":
        return 0 <= score <= 10
    if asked.instrument == "yes_no":
        return score in (0, 1)
    return asked.scale_min is not None and asked.scale_max is not None and asked.scale_min <= score <= asked.scale_max


def gathered_on_call(form: Node, name: str, asked: Question, survey: str, at: datetime) -> Found:
    """Keys pressed, or words said, in answer to one question of a call; keys that the question does not offer are no answer."""
    call, digits = form["CallSid"].required_id(), form["Digits"].text()
    if digits is not None and asked.instrument not in ("choice", "text") and not (digits.isdecimal() and _on_scale(int(digits[:9]), asked)):
        return "not_offered"
    answer = answered(
        name, form["SpeechResult"] if digits is None else form["Digits"], Question(instrument="text") if digits is None else asked
    )
    if answer is None:
        return "no_answer"
    data = present(channel="phone", interaction_id=call, customer=_caller(form), survey=survey, answers=[answer])
    return ChannelEvent("feedback.survey_answered.v1", id_of(call, name), at, data)


def call_ended(form: Node, zone: ZoneInfo) -> Found:
    """The status of a call, when it is its last."""
    call, status = form["CallSid"].required_id(), form["CallStatus"].name()
    if status not in _ENDS:
        return "still_going_on"
    data = present(
        channel="phone",
        interaction_id=call,
        customer=_caller(form),
        direction=_DIRECTIONS.get(form["Direction"].text() or ""),
        handle_seconds=form["CallDuration"].seconds(),
        disposition=status,
    )
    at = form["Timestamp"].rfc2822(zone) or form["Timestamp"].wrong("a time")
    return ChannelEvent("interaction.completed.v1", call, at, data)


def task_completed(form: Node) -> Found:
    """A task of TaskRouter that was completed or cancelled; with a call's id among its attributes it is that call, better known."""
    kind = form["EventType"].text()
    if kind not in ("task.completed", "task.canceled"):
        return "other_event"
    text = form["TaskAttributes"].text()
    attributes = json_body(text.encode()) if text else Node(None)
    told = attributes["conversations"]
    contact = told["conversation_id"].id() or attributes["call_sid"].id() or form["TaskSid"].required_id()
    wait, age = told["queue_time"].seconds(), form["TaskAge"].seconds()
    channel = form["TaskChannelUniqueName"].text() or attributes["channelType"].text() or ""
    data = present(
        channel=_TASK_CHANNELS.get(channel, "other"),
        interaction_id=contact,
        customer=present(id=attributes["customers"]["customer_id"].id(), phone=attributes["from"].phone()),
        direction=_DIRECTIONS.get(attributes["direction"].text() or ""),
        team=told["queue"].name() or form["TaskQueueName"].name(),
        agent=form["WorkerName"].name(),
        handled_by="human" if form["WorkerName"].here else None,
        wait_seconds=wait,
        handle_seconds=None if age is None else max(0, age - (wait or 0)),
        abandoned=_yes(told["abandoned"]),
        disposition=told["outcome"].name() or form["TaskCompletedReason"].name() or form["TaskCanceledReason"].name(),
        revision=2,
    )
    at = form["TimestampMs"].epoch(1000) or form["Timestamp"].epoch() or form["Timestamp"].wrong("a time")
    return ChannelEvent("interaction.completed.v1", contact, at, data)


def message_failed(form: Node, asked: Node, at: datetime) -> Found:
    """The fate of a message of ours, when it was not delivered and the URL says what it belonged to."""
    if form["MessageStatus"].text() not in ("failed", "undelivered"):
        return "own_words"
    case, invitation, code = asked["case"].id(), asked["invitation"].id(), form["ErrorCode"].text(16)
    if case is None and invitation is None:
        return "belongs_to_nothing"
    network, _, address = (form["To"].text() or "").rpartition(":")
    data = present(
        channel=_NETWORKS.get(network, "sms"),
        case=case,
        invitation=invitation,
        address_hash=address_hash(address) if address else None,
        reason=None if code is None else f"Twilio error {code}",
        permanent=code in _PERMANENT,
    )
    return ChannelEvent("message.delivery_failed.v1", id_of(form["MessageSid"].required_id(), "failed"), at, data)


def _caller(form: Node) -> dict[str, str]:
    """The customer's number: the caller's on an inbound call, else the one that was called."""
    number = form["From"] if (form["Direction"].text() or "inbound") == "inbound" else form["To"]
    return present(phone=number.phone())


def _yes(word: Node) -> bool | None:
    return {"yes": True, "no": False}.get((word.text() or "").lower())
