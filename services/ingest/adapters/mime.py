"""Mails as they travel (RFC 5322, 2045 to 2047): headers, the text and the HTML, and what a delivery status says (RFC 3464)."""

import binascii
import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.utils import getaddresses
from itertools import islice
from typing import Any

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.node import Node, storable

_READ_AS = {"gb2312": "gb18030", "gbk": "gb18030", "punycode": "utf-8", "idna": "utf-8"}
"""The last two are for names of hosts, and take minutes over a text."""
_MOST_PARTS = 200
_MOST_LOOKS = 2_500_000
"""How often the standard library may hold a line against a boundary: each line against those of all parts around it, which took minutes
over a mail that somebody had made for it."""
_MOST_HEADERS = 500
_MOST_HEADER = 16_000
_MOST_ADDRESS_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order, names in lower case, values on one line."""

    fields: Sequence[tuple[str, str]]

    def first(self, name: str) -> str | None:
        """The first field of that name, as text; None when it is blank or missing."""
        return next((decoded(value).strip() or None for field, value in self.fields if field == name), None)

    def addresses(self, *names: str) -> list[tuple[str | None, str]]:
        """Names and addresses in the fields of those names, as far as people are written to; what is no address is left out."""
        written = ", ".join(islice((value for field, value in self.fields if field in names), _MOST_ADDRESS_FIELDS))
        try:
            found = getaddresses([written[:_MOST_HEADER]])
        except RecursionError:  # a thousand brackets in one another, which are no address
            return []
        return [(Node(decoded(name)).name(), email) for name, address in found if (email := Node(address).email())]


def headers_of(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Headers from pairs as vendors list them."""
    few = islice(pairs, _MOST_HEADERS)
    return Headers([(name.strip().lower(), " ".join(value[:_MOST_HEADER].split())) for name, value in few])


def headers_in(block: str) -> Headers:
    """Headers from their text."""
    return _headers(HeaderParser(policy=policy.compat32).parsestr(block, headersonly=True))


def decoded(value: str) -> str:
    """A header's text, encoded words decoded; as it is where they cannot be."""
    try:
        return storable(str(make_header(decode_header(value))))
    except (LookupError, ValueError, MessageError):
        return storable(value)


@dataclass(frozen=True, slots=True)
class Failed:
    """One recipient whom a mail of ours did not reach: the address where it is told, the reason in codes, and whether it is for good."""

    address: str | None
    reason: str | None
    permanent: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as far as it is read. `failed` are a delivery status's recipients, `returned` the headers of our mail that it is about."""

    headers: Headers
    text: str | None = None
    html: str | None = None
    failed: Sequence[Failed] = ()
    returned: Headers = Headers(())


def mail_in(raw: bytes) -> Mail:
    """A whole mail. Raises Unreadable for one that is nested beyond reason."""
    if (raw.count(b"\n") + raw.count(b"\r")) * (1 + raw.lower().count(b"multipart/")) > _MOST_LOOKS:
        raise Unreadable("the mail is nested too deep for its length")
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(raw)
        parts = list(islice(message.walk(), _MOST_PARTS))
    except RecursionError:
        raise Unreadable("the mail is nested too deep") from None
    texts = [part for part in parts if part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"]
    reports = parts if message.get_content_type() == "multipart/report" else []
    return Mail(
        headers=_headers(message),
        text=_first(texts, "text/plain"),
        html=_first(texts, "text/html"),
        failed=[failed for part in reports if part.get_content_type() == "message/delivery-status" for failed in _failed(part)],
        returned=next((found for found in map(_returned, reports[1:]) if found is not None), Headers(())),
    )


def _headers(message: "Message[str, str]") -> Headers:
    return headers_of((name, str(value)) for name, value in message.items())


def _first(parts: Iterable["Message[str, str]"], kind: str) -> str | None:
    return next((_text(part) for part in parts if part.get_content_type() == kind), None)


def _text(part: "Message[str, str]") -> str:
    content = part.get_payload(decode=True)
    return in_charset(content if isinstance(content, bytes) else b"", part.get_content_charset())


def in_charset(content: bytes, charset: str | None) -> str:
    """The text of bytes; GB2312 is read as its superset, for that is what is sent under the name."""
    try:
        name = codecs.lookup(charset or "utf-8").name
        return content.decode(_READ_AS.get(name, name), "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _failed(status: "Message[str, str]") -> list[Failed]:
    """The recipients of a message/delivery-status that were not reached: groups of fields behind the first, which is about the mail."""
    groups: Any = status.get_payload()
    fields = [_headers(group) for group in groups] if isinstance(groups, list) else []
    return [_recipient(group) for group in fields if (group.first("action") or "").lower() == "failed"]


def _recipient(group: Headers) -> Failed:
    """Without the server's own words, in which the address may stand. Status codes are those of RFC 3463: 5 is for good."""
    status = Node(group.first("status")).text(32)
    return Failed(Node((group.first("final-recipient") or "").rpartition(";")[2]).email(), status, (status or "").startswith("5"))


def _returned(part: "Message[str, str]") -> Headers | None:
    """The headers of the mail that came back, whole or its headers alone."""
    if part.get_content_type() == "text/rfc822-headers":
        return headers_in(_text(part))
    inner: Any = part.get_payload() if part.get_content_type() == "message/rfc822" else None
    return _headers(inner[0]) if isinstance(inner, list) and inner else None


def binary(text: str) -> bytes:
    """Bytes from base64. Raises Unreadable."""
    try:
        return binascii.a2b_base64(text.encode("ascii", "replace"))
    except (binascii.Error, ValueError):
        raise Unreadable("the content should be base64") from None
