"""The forms in which a body of `POST /v1/events` may hold events, taken apart into one JSON text an event.

Nothing is judged here but whether the body can be read at all.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import msgspec

from shared.web.problems import Problem

NDJSON = {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
BATCH = "application/cloudevents-batch+json"
_CE = b"ce-"

_list_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_any_decoder = msgspec.json.Decoder(msgspec.Raw)


def split(headers: Mapping[bytes, bytes], body: bytes) -> Sequence[bytes]:
    """The events of a body: one, a JSON array, NDJSON, or CloudEvents structured, batch or binary (`ce-*` headers).

    Raises Problem 400 when nothing in it is readable.
    """
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
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
        raise _unreadable("the body is not JSON; send one event, an array, or one event a line as application/x-ndjson")
    return items


def _array(body: bytes) -> Sequence[bytes]:
    try:
        return [bytes(item) for item in _list_decoder.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def _is_json(item: bytes) -> bool:
    try:
        _any_decoder.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _binary(headers: Mapping[bytes, bytes], body: bytes) -> bytes:
    """A CloudEvent in binary mode as a structured one. Header values are percent-encoded UTF-8 (HTTP binding, 3.1.3.2)."""
    if not _is_json(body):
        raise _unreadable("the body of an event in binary mode is its data, as JSON")
    try:
        attributes = {
            name[3:].decode(): unquote(value.decode("latin-1"), errors="strict") for name, value in headers.items() if name.startswith(_CE)
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
