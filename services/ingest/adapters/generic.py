"""Any sender with a JSON or form body: the endpoint's options map it to events and say how it proves itself.

Presets for systems whose bodies their administrators design are this adapter with a mapping to begin with.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic import Field, create_model, field_validator

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Adapter, ChannelEvent, Endpoint, Form, Outcome, Request, Unreadable
from services.ingest.adapters.forms import form
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.jsonpaths import found
from services.ingest.adapters.mapping import FREE, Asked, EventMapping, Source, bare, targets
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import answered
from services.ingest.adapters.schemes import Basic, HeaderToken, QueryToken, Scheme, SchemeSecrets, prove
from shared.contracts.decoding import admit
from shared.errors import InvalidEvent

MOST_ITEMS = 1000

Events = Annotated[tuple[EventMapping, ...], Field(min_length=1, max_length=8, description="What a body becomes, one event or several")]

_PER_SECOND = {"seconds": 1, "milliseconds": 1000, "microseconds": 1_000_000}
_IDS = ("id", "survey", "invitation", "thread", "case", "reply_to", "interaction_id")
_SAID = ("text", "transcript_excerpt")


class Options(Form):
    """How the sender proves itself and what its bodies mean."""

    scheme: Scheme = HeaderToken()
    events: Events

    @field_validator("events")
    @classmethod
    def _told_apart(cls, events: tuple[EventMapping, ...]) -> tuple[EventMapping, ...]:
        if len({(event.id, event.id_suffix, event.items) for event in events}) < len(events):
            raise ValueError("two events have the same id: give all but one an id_suffix")
        return events


def receive(request: Request, endpoint: Endpoint[SchemeSecrets, Options]) -> Outcome:
    """The events that the mapping finds."""
    return received(request, endpoint.options, endpoint.secrets, endpoint.zone)


def received(request: Request, options: Options, secrets: Sequence[SchemeSecrets], zone: ZoneInfo) -> Outcome:
    """The same, for presets with options and secrets of their own."""
    signed_at = prove(request, options.scheme, secrets)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = form(request) if media_type == "application/x-www-form-urlencoded" else json_body(request.body)
    return gathered(mapped(body, options.events, signed_at, zone, request.at))


def mapped(body: Node, events: Iterable[EventMapping], signed_at: datetime | None, zone: ZoneInfo, now: datetime) -> Iterator[Found]:
    """What each mapping makes of a body, item by item."""
    for mapping in events:
        for count, item in enumerate([body.value] if mapping.items is None else found(mapping.items, body.value)):
            if count >= MOST_ITEMS:
                raise Unreadable(f"a body may hold {MOST_ITEMS} items")
            yield _one(item, mapping, signed_at, zone, now)


def _one(item: Any, mapping: EventMapping, signed_at: datetime | None, zone: ZoneInfo, now: datetime) -> Found:
    for path, words in mapping.only_if.items():
        text = _at(path, item)
        if str(text.value).strip().lower() not in (word.lower() for word in words):
            return "other_event"
    data: dict[str, Any] = {}
    for field, source in mapping.fields.items():
        value = _value(field, source, mapping, item, zone)
        if value is not None:
            _put(data, field, value)
    if mapping.answers:
        data["answers"] = [answer for answer in (_answer(asked, item) for asked in mapping.answers) if answer is not None]
        if not data["answers"]:
            return "no_answer"
    if any(name not in data for name in _SAID if name in targets(mapping.type).required):
        return "no_text"
    revision = _revision(mapping, item, signed_at, zone)
    data |= {} if revision is None else {"revision": revision}
    at = _when(mapping.time, mapping, item, zone) or now
    return _judged(ChannelEvent(f"{mapping.type}.v1", _id(mapping, item), at, data), now)


def _at(path: str, item: Any) -> Node:
    return Node(next(found(path, item), None), path)


def _id(mapping: EventMapping, item: Any) -> str:
    parts = [_at(path, item).required_id() for path in mapping.id]
    return Node(":".join(parts) + mapping.id_suffix).required_id()


def _when(path: str | None, mapping: EventMapping, item: Any, zone: ZoneInfo) -> datetime | None:
    if path is None:
        return None
    match mapping.time_written:
        case "iso":
            return _at(path, item).iso(zone)
        case "mail":
            return _at(path, item).rfc2822(zone)
        case unit:
            return _at(path, item).epoch(_PER_SECOND[unit])


def _revision(mapping: EventMapping, item: Any, signed_at: datetime | None, zone: ZoneInfo) -> int | None:
    if mapping.revision is None:
        return None
    if mapping.revision == "signed_at":
        return None if signed_at is None else times.revision(signed_at)
    stands = _at(mapping.revision, item)
    try:
        count = stands.number()
    except Unreadable:
        count = None
    if count is not None and 0 <= count < 100_000_000:
        return int(count) + 1
    at = _when(mapping.revision, mapping, item, zone)
    return None if at is None else times.revision(at)


def _value(field: str, source: str | Source, mapping: EventMapping, item: Any, zone: ZoneInfo) -> Any:
    if isinstance(source, str):
        node = _at(source, item)
    elif source.path is None:
        node = Node(source.value, field)
    else:
        node = _translated(_at(source.path, item), source)
    target = targets(mapping.type).get(field)
    if target is None:
        return _freely(node, field, zone)
    return _read(node, field.rpartition(".")[2], bare(target.annotation), zone)


def _freely(node: Node, field: str, zone: ZoneInfo) -> Any:
    """A value below tags (text), attributes (text, number, truth) or consents (an instant)."""
    if ".consents." in field:
        at = node.iso(zone)
        return None if at is None else at.isoformat()
    if isinstance(node.value, bool):
        return node.value if ".attributes." in field else str(node.value).lower()
    if ".attributes." not in field:
        return node.name()
    return node.number() if isinstance(node.value, int | float) else node.text(2048)


def _translated(node: Node, source: Source) -> Node:
    text = node.text()
    if text is None or not source.words:
        return node
    words = {word.lower(): meaning for word, meaning in source.words.items()}
    return Node(words.get(text.lower(), source.otherwise), node.place)


def _read(node: Node, name: str, kind: Any, zone: ZoneInfo) -> Any:
    """A value as the field's type wants it. Raises Unreadable."""
    if get_origin(kind) is Literal:
        word = node.name()
        return (
            None if word is None else word.lower() if word.lower() in get_args(kind) else node.wrong(f"one of {', '.join(get_args(kind))}")
        )
    if kind is bool:
        return node.boolean()
    if kind is int:
        number = node.number()
        return None if number is None else int(number) if float(number).is_integer() else node.wrong("a whole number")
    if kind is float:
        return node.number()
    if kind is datetime:
        at = node.iso(zone)
        return None if at is None else at.isoformat()
    if name == "email":
        return node.email()
    if name in _IDS:
        return node.id()
    return node.text(_LENGTHS.get(name, 256)) if name not in ("text", "comment", *_LONG) else node.text()


_LENGTHS = {"phone": 64, "zone": 64, "language": 35, "url": 2048, "currency": 3}
_LONG = ("transcript_excerpt", "reason", "remedy_sought", "next_step")


def _put(data: dict[str, Any], field: str, value: Any) -> None:
    """A dotted field; below tags and attributes the rest is one name, dots and all."""
    head, _, rest = field.partition(".")
    if not rest:
        data[head] = value
    elif head in FREE:
        data.setdefault(head, {})[rest[:64]] = value
    else:
        _put(data.setdefault(head, {}), rest, value)


def _answer(asked: Asked, item: Any) -> dict[str, Any] | None:
    node = _at(asked.path, item)
    text = node.name() if asked.points else None
    points = None if text is None else {word.lower(): worth for word, worth in asked.points.items()}.get(text.lower())
    if points is None:
        return answered(asked.question, node, asked)
    answer = answered(asked.question, Node(points, node.place), asked)
    return None if answer is None else {**answer, "choice": text}


def _judged(event: ChannelEvent, now: datetime) -> ChannelEvent:
    """The event, if ingest takes it; what a mapping made wrong is kept with what is wrong. Odd times are judged where all events are."""
    item = json.dumps({"type": event.type, "id": event.id, "time": event.time.isoformat(), "data": event.data})
    try:
        admit(item.encode(), now)
    except InvalidEvent as invalid:
        if invalid.reason != "time_out_of_range":
            wrong = invalid.errors[0] if invalid.errors else None
            place = "" if wrong is None else ".".join(str(step) for step in wrong.loc) + " " + wrong.msg
            raise Unreadable(f"the mapping makes no {event.type} of it: {place or invalid.reason}") from None
    return event


def preset(
    name: str, title: str, scheme: Scheme, events: tuple[EventMapping, ...], setup: Sequence[str]
) -> Adapter[SchemeSecrets, Options]:
    """A channel that begins with a scheme and a mapping of its own; an endpoint may replace both."""
    options = create_model(f"OptionsOf{name.title()}", __base__=Options, scheme=(Scheme, scheme), events=(Events, events))
    tokens = isinstance(scheme, HeaderToken | QueryToken | Basic)
    return Adapter(name=name, title=title, secrets=SchemeSecrets, options=options, receive=receive, setup=setup, unsigned_body=tokens)


ADAPTER = Adapter(
    name="generic",
    title="Any system with a JSON webhook",
    secrets=SchemeSecrets,
    options=Options,
    receive=receive,
    unsigned_body=True,
    setup=(
        "In the sender set up a webhook: POST, JSON, to {url}",
        "Let the sender sign the body if it can (hmac, standard_webhooks); otherwise send this endpoint's secret in a header (header), "
        "as a password (basic), or in the URL behind ?token= (query)",
        "Write the mapping in the options: which event, its id, and the JSONPath of each field; the endpoint's /try shows what comes of it",
        "Test: send one, and look at the endpoint's counts; what the mapping could not read is kept and can be replayed",
    ),
)
