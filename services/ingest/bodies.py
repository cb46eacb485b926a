"""The forms in which a body of `POST /v1/events` may hold events, taken apart into one JSON text an event.

Nothing is judged here but whether the body can be read at all.
"""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import msgspec

from shared.web.problems import Problem

NDJSON = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
_CE = b"ce-"
_BETWEEN = re.compile(r"[ \t\r\n]*([,\[\]])[ \t\r\n]*")

_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_any_decoder = msgspec.json.Decoder(msgspec.Raw)
_tolerant_decoder = json.JSONDecoder()


def split(headers: Mapping[bytes, bytes], body: bytes) -> Sequence[bytes]:
    """The events of a body: one, a JSON array, NDJSON, or CloudEvents structured, batch or binary (`ce-*` headers).

    Raises Problem 400 when nothing in it is readable.
    """
    media_type = _media_type(headers)
    if b"ce-specversion" in headers and not media_type.startswith("application/cloudevents"):
        return (_binary(headers, body),)
    if media_type in NDJSON:
        items: Sequence[bytes] = [line for line in (line.strip() for line in body.split(b"\n")) if line]
    elif body.lstrip(b" \t\r\n")[:1] == b"[":
        items = _array(body)
    else:
        items = (body,) if body.strip() else ()
    if not items:
        raise _unreadable("the body holds no event")
    if not any(map(_is_json, items)):
        text = "the body is not JSON, or nested far deeper than any event"
        raise _unreadable(f"{text}; send one event, an array, or one event a line as application/x-ndjson")
    return items


def is_ndjson(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body holds one event a line."""
    return _media_type(headers) in NDJSON


def _media_type(headers: Mapping[bytes, bytes]) -> str:
    return headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")


def _array(body: bytes) -> Sequence[bytes]:
    """The elements of a JSON array as they were sent; the whole body as one unreadable item when it is none."""
    try:
        return [bytes(item) for item in _list_decoder.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _tolerant_array(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return (body,)


def _tolerant_array(text: str) -> Sequence[bytes]:
    """The elements of an array that the fast decoder refuses: half a surrogate pair in one event must not cost the others."""
    items: list[bytes] = []
    mark = _BETWEEN.match(text)
    while mark is not None and mark[1] != "]":
        _, end = _tolerant_decoder.raw_decode(text, mark.end())
        items.append(text[mark.end() : end].encode("utf-8", "surrogateescape"))
        mark = _BETWEEN.match(text, end)
        if mark is not None and mark[1] == "[":
            break
    if mark is None or mark[1] != "]" or mark.end() != len(text):
        raise ValueError("no JSON array")
    return items


def _is_json(item: bytes) -> bool:
    try:
        _any_decoder.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _is_json_for_python(item)
    return True


def _is_json_for_python(item: bytes) -> bool:
    """Python reads half a surrogate pair as a character; the contracts then say by name that it cannot be held."""
    try:
        _tolerant_decoder.decode(item.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _binary(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """A CloudEvent in binary mode as a structured one. Header values are percent-encoded UTF-8 (HTTP binding, 3.1.3.2);
    plain UTF-8, which many clients send, is taken as well."""
    if not _is_json(body):
        raise _unreadable("the body of an event in binary mode is its data, as JSON")
    try:
        attributes = {
            name[3:].decode(): unquote(value.decode(), errors="strict") for name, value in headers.items() if name.startswith(_CE)
        }
    except UnicodeDecodeError:
        raise _unreadable("the ce- headers are percent-encoded UTF-8") from None
    typed: dict[str, object] = dict(attributes)
    if attributes.get("backfill") in ("true", "false"):
        typed["backfill"] = attributes["backfill"] == "true"
    media_type = headers.get(b"content-type")
    if media_type is not None:
        typed["datacontenttype"] = media_type.decode("latin-1")
    typed["data"] = msgspec.Raw(body)
    return msgspec.json.encode(typed)


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable", detail)
