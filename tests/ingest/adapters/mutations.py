"""Every way in which a member of a sample can be other than the vendor's documentation says, for every form that bodies have."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

from tests.ingest.adapters.case import Media

KINDS = ("removed", "null", "empty", "wrong type", "unknown", "emoji", "huge")

EMOJI = "👩🏽‍🚒 客服很好，謝謝 😍"
HUGE = "长" * 2_000 + "x" * 198_000
UNKNOWN: dict[str, Any] = {"a_new_field": {"deep": [1, None, {"text": EMOJI}]}}

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class Variant(NamedTuple):
    """A changed content, and which member was changed how."""

    place: str
    change: str
    content: bytes


def variants(media: Media, content: bytes, kind: str) -> Iterator[Variant]:
    """Every member of the content changed in one way, one at a time."""
    match media:
        case "json":
            yield from _json(content, kind)
        case "xml":
            yield from _xml(content, kind)
        case "multipart":
            yield from _multipart(content, kind)
        case _:
            fields = parse_qsl(content.decode(), keep_blank_values=True)
            for place, change, changed in _fields(fields, kind):
                yield Variant(place, change, urlencode(changed).encode())


def concerns(place: str, members: Sequence[str]) -> bool:
    """Whether the place is one of the members, or lies above or below one."""
    here = _steps(place)
    return not here or any(here[: len(member)] == member[: len(here)] for member in map(_steps, members))


def _steps(place: str) -> list[str]:
    return [step for step in re.sub(r"\[\d+\]", "", place).split(".") if step]


def _json(content: bytes, kind: str) -> Iterator[Variant]:
    root: list[Any] = [json.loads(content)]
    for place, holder, key in list(_members(root, 0, "")):
        old = holder[key]
        for change, apply in _json_changes(holder, key, kind):
            apply()
            yield Variant(place, change, json.dumps(root[0], ensure_ascii=False).encode() if root else b"")
            if kind == "removed" and isinstance(holder, list):
                holder.insert(key, old)
            else:
                holder[key] = old


def _members(holder: Any, key: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    yield place, holder, key
    value = holder[key]
    if isinstance(value, dict):
        for name in list(value):
            yield from _members(value, name, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _members(value, index, f"{place}[{index}]")


def _json_changes(holder: Any, key: Any, kind: str) -> Iterator[tuple[str, Callable[[], None]]]:
    value = holder[key]

    def become(new: Any) -> Callable[[], None]:
        return lambda: holder.__setitem__(key, new)

    match kind:
        case "removed":
            yield "removed", lambda: holder.__delitem__(key)
        case "null":
            yield "null", become(None)
        case "empty":
            yield "empty", become("" if isinstance(value, str | int | float | None) else type(value)())
        case "wrong type":
            others: list[Any] = [7, -1.5, True, "x", [], ["x"], {}, {"x": 1}]
            for other in others:
                if type(other) is not type(value) or isinstance(value, str | float):
                    yield f"= {other!r}", become(other)
        case "unknown" if isinstance(value, dict):
            yield "with an unknown field", become({**value, **UNKNOWN})
        case "emoji" if isinstance(value, str):
            yield "emoji", become(value + EMOJI)
            yield "emoji alone", become(EMOJI)
        case "huge" if isinstance(value, str):
            yield "huge", become(value + HUGE)


def _fields(fields: list[tuple[str, str]], kind: str) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    for index, (name, value) in enumerate(fields):
        before, after = fields[:index], fields[index + 1 :]
        match kind:
            case "removed":
                yield name, kind, before + after
            case "empty" | "null":
                yield name, kind, [*before, (name, "" if kind == "empty" else "null"), *after]
            case "wrong type":
                for other in ("x", "7", "-1.5", "{}"):
                    yield name, f"= {other}", [*before, (name, other), *after]
            case "emoji":
                yield name, "emoji", [*before, (name, value + EMOJI), *after]
            case "huge":
                yield name, "huge", [*before, (name, value + HUGE), *after]
    if kind == "unknown":
        yield "a_new_field", "unknown", [*fields, ("a_new_field", EMOJI)]


def _multipart(content: bytes, kind: str) -> Iterator[Variant]:
    boundary = content[: content.index(b"\r\n")]
    parts = [part.removesuffix(b"\r\n") for part in content.split(boundary)[1:-1]]
    heads = [part.partition(b"\r\n\r\n")[0] for part in parts]
    named = [(re.search(rb'name="([^"]*)"', head), part.partition(b"\r\n\r\n")[2]) for head, part in zip(heads, parts, strict=True)]
    fields = [(name[1].decode() if name else "", text.decode("utf-8", "surrogateescape")) for name, text in named]
    head_of = {name: head for (name, _), head in zip(fields, heads, strict=True)}
    for place, change, changed in _fields(fields, kind):
        written = b"".join(
            boundary
            + head_of.get(name, f'\r\nContent-Disposition: form-data; name="{name}"'.encode())
            + b"\r\n\r\n"
            + text.encode("utf-8", "surrogateescape")
            + b"\r\n"
            for name, text in changed
        )
        yield Variant(place, change, written + boundary + b"--\r\n")


def _xml(content: bytes, kind: str) -> Iterator[Variant]:
    for index in range(len(list(ElementTree.fromstring(content).iter()))):
        for change in _xml_changes(kind):
            root = ElementTree.fromstring(content)
            parents = {child: parent for parent in root.iter() for child in parent}
            element = list(root.iter())[index]
            if not _changed(element, parents.get(element), change):
                continue
            yield Variant(_place(element, parents), change, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _xml_changes(kind: str) -> Sequence[str]:
    return ("= x", "= 7", "= <x/>") if kind == "wrong type" else (kind,)


def _changed(element: ElementTree.Element, parent: ElementTree.Element | None, change: str) -> bool:
    leaf = not len(element)
    match change:
        case "removed" if parent is not None:
            parent.remove(element)
        case "null":
            element.text, element.attrib[_NIL] = None, "true"
            element[:] = []
        case "empty":
            element.text = ""
            element[:] = []
        case "unknown" if not leaf:
            ElementTree.SubElement(ElementTree.SubElement(element, "ANewField"), "Deep").text = EMOJI
        case "emoji" | "huge" if leaf:
            element.text = (element.text or "") + (EMOJI if change == "emoji" else HUGE)
        case "= x" | "= 7" | "= <x/>":
            element[:] = [ElementTree.Element("x")] if change == "= <x/>" else []
            element.text = None if change == "= <x/>" else change[2:]
        case _:
            return False
    return True


def _place(element: ElementTree.Element, parents: dict[ElementTree.Element, ElementTree.Element]) -> str:
    steps = []
    while element in parents:
        steps.append(element.tag.rpartition("}")[2])
        element = parents[element]
    return ".".join(reversed(steps))
