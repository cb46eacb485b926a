"""Bodies that are forms: urlencoded and multipart, as fields by name. Files are left out, their names are kept."""

import re
from collections.abc import Iterator
from email import policy
from email.message import Message
from email.parser import BytesParser
from urllib.parse import parse_qsl, urlsplit

from services.ingest.adapters.adapter import Request, Unreadable
from services.ingest.adapters.node import Node, json_body

MOST_FIELDS = 1000

_MOST_OF_A_HEAD = 16 * 1024
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")

Fields = list[tuple[str, str]]


def query(url: str) -> Node:
    """The fields of a URL's query, the first of each name."""
    return _node(_urlencoded(urlsplit(url).query), "query")


def form(request: Request) -> Node:
    """The fields of a form, the first of each name. Raises Unreadable."""
    return _node(fields(request), "")


def form_or_json(request: Request) -> Node:
    """A form's fields where the sender says that it is one, else JSON. Raises Unreadable."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return form(request) if media_type == "application/x-www-form-urlencoded" else json_body(request.body)


def fields(request: Request) -> Fields:
    """All fields of an urlencoded or multipart form, in their order. Raises Unreadable."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return [(name, content.decode("utf-8", "replace")) for name, content in parts(request)]
    try:
        return _urlencoded(request.body.decode())
    except UnicodeDecodeError:
        raise Unreadable("the body should be a form in UTF-8") from None


def _urlencoded(text: str) -> Fields:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Unreadable(f"the form should have at most {MOST_FIELDS} fields") from None


def parts(request: Request) -> list[tuple[str, bytes]]:
    """All parts of a multipart form with their bytes, for vendors that write each in a character set of its own. Raises Unreadable.

    Split here and not by the standard library's mail parser, which follows forms inside forms and takes seconds over empty parts.
    """
    found: list[tuple[str, bytes]] = []
    for piece in _pieces(request):
        blank = _BLANK_LINE.search(piece)
        head, content = (piece, b"") if blank is None else (piece[: blank.start()], piece[blank.end() :])
        headers = BytesParser(policy=policy.compat32).parsebytes(head.strip()[:_MOST_OF_A_HEAD], headersonly=True)
        name, file = headers.get_param("name", header="content-disposition"), headers.get_filename()
        if isinstance(name, str):
            found.append((name, content if file is None else file.encode("utf-8", "replace")))
    if not found:
        raise Unreadable("the body should be a form of several parts")
    return found


def _pieces(request: Request) -> Iterator[bytes]:
    """What lies between the boundaries; the last part of a form that was cut off ends where the body does."""
    declared = Message()
    declared["Content-Type"] = request.headers.get("content-type", "")
    boundary = (declared.get_boundary() or "").encode("utf-8", "replace")
    if not boundary:
        return
    delimiter = re.compile(rb"\r?\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    body, begin = b"\n" + request.body, None
    for count, line in enumerate(delimiter.finditer(body)):
        if begin is not None:
            yield body[begin : line.start()]
        if line[1]:
            return
        if count >= MOST_FIELDS:
            raise Unreadable(f"the form should have at most {MOST_FIELDS} fields")
        begin = line.end()
    if begin is not None:
        yield body[begin:]


def _node(found: Fields, place: str) -> Node:
    return Node(dict(reversed(found)), place)
