"""The slow and final reading of an event: pydantic's, for whatever the fast decoder refused."""

import json
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from shared.contracts.envelope import Envelope, Submission
from shared.contracts.refusals import refusal
from shared.contracts.registry import EVENT_TYPES, EventType
from shared.errors import FieldError, InvalidEvent


@cache
def submission_model(event_type: EventType) -> type[Submission[Any]]:
    """The model of one type as a client may send it; built when first needed, because most types never come this way."""
    return Submission[event_type.data]  # type: ignore[name-defined]


@cache
def envelope_model(event_type: EventType) -> type[Envelope[Any]]:
    """The model of one type as it lies on our topics."""
    return Envelope[event_type.data]  # type: ignore[name-defined]


def judge_submission(item: bytes) -> Submission[Any]:
    """A client's event, or InvalidEvent with what is wrong."""
    event_type = _type_of(item)
    if not event_type.from_clients:
        text = f"{event_type.name} is written by {event_type.written_by} itself; the API's description lists the types that clients send"
        raise InvalidEvent("not_for_clients", [FieldError(("type",), text)])
    try:
        return submission_model(event_type).model_validate_json(item)
    except ValidationError as refused:
        raise refusal(refused) from None


def judge_record(value: bytes) -> Envelope[Any]:
    """A record of one of our topics, its unknown fields left out, or InvalidEvent with what is wrong."""
    event_type = _type_of(value)
    try:
        return envelope_model(event_type).model_validate_json(value, extra="ignore")
    except ValidationError as refused:
        raise refusal(refused) from None


def _type_of(item: bytes) -> EventType:
    try:
        content = from_json(item)
    except ValueError as unreadable:
        if "recursion limit" in str(unreadable):
            text = "is nested far deeper than any event; send only the fields of its type"
            raise InvalidEvent("too_deep", [FieldError((), text)]) from None
        raise _unreadable(item, str(unreadable)) from None
    if not isinstance(content, dict):
        raise InvalidEvent("invalid_envelope", [FieldError((), "an event is a JSON object")])
    name = content.get("type")
    if not isinstance(name, str):
        text = "is required" if name is None else "must be text"
        raise InvalidEvent(
            "invalid_envelope", [FieldError(("type",), f"{text}: the event's type, for example feedback.survey_answered.v1")]
        )
    if name not in EVENT_TYPES:
        near = get_close_matches(name[:100], EVENT_TYPES, n=1)
        raise InvalidEvent(
            "unknown_type", [FieldError(("type",), "is no known type" + "".join(f"; did you mean {match}?" for match in near))]
        )
    return EVENT_TYPES[name]


def _unreadable(item: bytes, detail: str) -> InvalidEvent:
    """Tell JSON whose text cannot be held, bytes that are not UTF-8 or half a surrogate pair, from what is no JSON at all."""
    try:
        # Python reads half a surrogate pair as a character, and stumbles only when it writes it
        json.dumps(json.loads(item.decode()), ensure_ascii=False).encode()
    except UnicodeDecodeError:
        return InvalidEvent("not_text", [FieldError((), "is not UTF-8")])
    except UnicodeEncodeError:
        return InvalidEvent("not_text", [FieldError((), "holds half of a surrogate pair; send both halves or none")])
    except (ValueError, RecursionError):
        pass  # no JSON for Python either
    return InvalidEvent("not_json", [FieldError((), f"is not readable as JSON: {detail}")])
