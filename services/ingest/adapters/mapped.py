"""What a mapping makes of a body: values as the contracts want them, or what is wrong with them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

from services.ingest.adapters import times
from services.ingest.adapters.adapter import ChannelEvent, Unreadable
from services.ingest.adapters.gathering import Found
from services.ingest.adapters.jsonpaths import Work, found
from services.ingest.adapters.mapping import FREE, EventMapping, Source, bare, targets
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import answered
from shared.contracts.decoding import admit
from shared.errors import InvalidEvent

MOST_ITEMS = 1000

_PER_SECOND = {"seconds": 1, "milliseconds": 1000, "microseconds": 1_000_000}
_LARGEST_COUNT = 100_000_000
"""What is larger is a time, as a revision; as seconds it would be one of 1973."""
_IDS = ("id", "survey", "invitation", "thread", "case", "reply_to", "interaction_id")
_SAID = ("text", "transcript_excerpt")
_LENGTHS = {"phone": 64, "zone": 64, "language": 35, "url": 2048, "currency": 3}
_LONG = ("text", "comment", "transcript_excerpt", "reason", "remedy_sought", "next_step")


@dataclass(frozen=True, slots=True)
class Reading:
    """One request that is read: when it was signed, where zone-less times lie, when it came, what may still be looked at."""

    signed_at: datetime | None
    zone: ZoneInfo
    now: datetime
    work: Work = field(default_factory=Work)

    def events(self, body: Any, mappings: Sequence[EventMapping]) -> Iterator[Found]:
        """What each mapping makes of the body, item by item. Raises Unreadable."""
        for mapping in mappings:
            items = [body] if mapping.items is None else found(mapping.items, body, self.work)
            for count, item in enumerate(items):
                if count >= MOST_ITEMS:
                    raise Unreadable(f"a body may hold {MOST_ITEMS} items")
                yield self._event(item, mapping)

    def _event(self, item: Any, mapping: EventMapping) -> Found:
        for path, words in mapping.only_if.items():
            if str(self._at(path, item).value).strip().lower() not in (word.lower() for word in words):
                return "other_event"
        data: dict[str, Any] = {}
        for name, source in mapping.fields.items():
            value = self._field(name, source, mapping, item)
            if value is not None:
                _put(data, name, value)
        if mapping.answers:
            data["answers"] = [
                answer for asked in mapping.answers if (answer := answered(asked.question, self._at(asked.path, item), asked))
            ]
            if not data["answers"]:
                return "no_answer"
        if any(name not in data for name in _SAID if name in targets(mapping.type).required):
            return "no_text"
        revision = self._revision(mapping, item)
        data |= {} if revision is None else {"revision": revision}
        id = ":".join(self._at(path, item).required_id() for path in mapping.id) + mapping.id_suffix
        at = None if mapping.time is None else self._time(self._at(mapping.time, item), mapping)
        return _taken(ChannelEvent(f"{mapping.type}.v1", Node(id).required_id(), at or self.now, data), self.now)

    def _at(self, path: str, item: Any) -> Node:
        return Node(next(found(path, item, self.work), None), path)

    def _time(self, node: Node, mapping: EventMapping) -> datetime | None:
        match mapping.time_written:
            case "iso":
                return node.iso(self.zone)
            case "mail":
                return node.rfc2822(self.zone)
            case unit:
                return node.epoch(_PER_SECOND[unit])

    def _revision(self, mapping: EventMapping, item: Any) -> int | None:
        if mapping.revision is None:
            return None
        if mapping.revision == "signed_at":
            return None if self.signed_at is None else times.revision(self.signed_at)
        node = self._at(mapping.revision, item)
        try:
            count = node.number()
        except Unreadable:
            count = None
        if count is not None and 0 <= count < _LARGEST_COUNT:
            return int(count) + 1
        at = self._time(node, mapping)
        return None if at is None else times.revision(at)

    def _field(self, name: str, source: str | Source, mapping: EventMapping, item: Any) -> Any:
        if isinstance(source, str):
            node = self._at(source, item)
        elif source.path is None:
            node = Node(source.value, name)
        else:
            node = _translated(self._at(source.path, item), source)
        target = targets(mapping.type).get(name)
        return self._freely(node, name) if target is None else self._typed(node, name, bare(target.annotation))

    def _freely(self, node: Node, name: str) -> Any:
        """A value below tags (text), attributes (text, number, truth) or consents (an instant)."""
        if ".consents." in name:
            return _written(node.iso(self.zone))
        if isinstance(node.value, bool):
            return node.value if ".attributes." in name else str(node.value).lower()
        if ".attributes." not in name:
            return node.name()
        return node.number() if isinstance(node.value, int | float) else node.text(2048)

    def _typed(self, node: Node, name: str, kind: Any) -> Any:
        """A value as the field's type wants it. Raises Unreadable."""
        if get_origin(kind) is Literal:
            return _one_of(node, get_args(kind))
        if kind is datetime:
            return _written(node.iso(self.zone))
        readers: dict[Any, Callable[[], Any]] = {bool: node.boolean, int: lambda: _whole(node), float: node.number}
        return readers.get(kind, lambda: _text(node, name.rpartition(".")[2]))()


def _translated(node: Node, source: Source) -> Node:
    text = node.text()
    if text is None or not source.words:
        return node
    words = {word.lower(): meaning for word, meaning in source.words.items()}
    return Node(words.get(text.lower(), source.otherwise), node.place)


def _one_of(node: Node, words: tuple[str, ...]) -> str | None:
    word = node.name()
    if word is not None and word.lower() not in words:
        node.wrong(f"one of {', '.join(words)}")
    return None if word is None else word.lower()


def _whole(node: Node) -> int | None:
    number = node.number()
    if number is not None and not float(number).is_integer():
        node.wrong("a whole number")
    return None if number is None else int(number)


def _text(node: Node, name: str) -> str | None:
    if name == "email":
        return node.email()
    if name in _IDS:
        return node.id()
    return node.text() if name in _LONG else node.text(_LENGTHS.get(name, 256))


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _put(data: dict[str, Any], name: str, value: Any) -> None:
    """A dotted field; below tags and attributes the rest is one name, dots and all."""
    head, _, rest = name.partition(".")
    if not rest:
        data[head] = value
    elif head in FREE:
        data.setdefault(head, {})[rest] = value
    else:
        _put(data.setdefault(head, {}), rest, value)


def _taken(event: ChannelEvent, now: datetime) -> ChannelEvent:
    """The event, if ingest takes it; what a mapping made wrong is kept with what is wrong. Odd times are judged where all events are."""
    item = json.dumps({"type": event.type, "id": event.id, "time": event.time.isoformat(), "data": event.data})
    try:
        admit(item.encode(), now)
    except InvalidEvent as invalid:
        if invalid.reason != "time_out_of_range":
            wrong = invalid.errors[0] if invalid.errors else None
            told = invalid.reason if wrong is None else f"{'.'.join(str(step) for step in wrong.loc)} {wrong.msg}"
            raise Unreadable(f"the mapping makes no {event.type} of it: {told}") from None
    return event
