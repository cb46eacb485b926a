"""Bodies that are forms: urlencoded and multipart, as fields by name. Files are left out, their names are kept."""

from email import policy
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from services.ingest.adapters.adapter import Request, Unreadable
from services.ingest.adapters.node import Node

MOST_FIELDS = 1000

Fields = list[tuple[str, str]]


def query(url: str) -> Node:
    """The fields of a URL's query, the first of each name."""
    return _node(_urlencoded(urlsplit(url).query), "query")


def form(request: Request) -> Node:
    """The fields of a form, the first of each name. Raises Unreadable."""
    return _node(fields(request), "")


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
    """All parts of a multipart form with their bytes, for vendors that write each in a character set of its own. Raises Unreadable."""
    media_type = request.headers.get("content-type", "")
    head = f"Content-Type: {media_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=policy.compat32).parsebytes(head + request.body)
    found: list[tuple[str, bytes]] = []
    inner: Any = message.get_payload() if message.is_multipart() else ()
    for part in inner:
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or len(found) >= MOST_FIELDS:
            continue
        content = part.get_payload(decode=True)
        file = part.get_filename()
        found.append((name, file.encode("utf-8", "replace") if file is not None else content if isinstance(content, bytes) else b""))
    if not found:
        raise Unreadable("the body should be a form of several parts")
    return found


def _node(found: Fields, place: str) -> Node:
    return Node(dict(reversed(found)), place)
