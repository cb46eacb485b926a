"""Reading what vendors send without trusting its shape: a value with its place, so that what is missing is None and what is wrong is told.

Texts come out fit to be stored: without NUL and halves of surrogate pairs, no longer than the contracts take.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Unreadable
from shared.contracts.fields import EMAIL_LENGTH, EMAIL_PATTERN, NAME_LENGTH, TEXT_LENGTH

PHONE_LENGTH = 64
LONGEST = 1e9
"""Seconds, about thirty years."""
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Node:
    """A JSON value and where it stands. Stepping into what is absent or null gives an absent node; every reading of that is None."""

    __slots__ = ("place", "value")

    def __init__(self, value: Any, place: str = "") -> None:
        self.value = value
        self.place = place

    @property
    def here(self) -> bool:
        """Whether there is anything but null."""
        return self.value is not None

    def __getitem__(self, step: str | int) -> "Node":
        """The member of that name, or the element at that index. Raises Unreadable where a text or number stands in its stead."""
        place = f"{self.place}[{step}]" if isinstance(step, int) else f"{self.place}.{step}".lstrip(".")
        if isinstance(step, int):
            elements = self._of(list, "a list") or []
            return Node(elements[step] if -len(elements) <= step < len(elements) else None, place)
        return Node((self._of(dict, "an object") or {}).get(step), place)

    def __iter__(self) -> Iterator["Node"]:
        """The elements of a list."""
        return (Node(element, f"{self.place}[{index}]") for index, element in enumerate(self._of(list, "a list") or []))

    def members(self) -> Iterator[tuple[str, "Node"]]:
        """Names and values of an object."""
        members: dict[str, Any] = self._of(dict, "an object") or {}
        return ((storable(name), Node(value, f"{self.place}.{name}")) for name, value in members.items())

    def text(self, length: int = TEXT_LENGTH) -> str | None:
        """A text, also where the vendor sends a number; None when it is blank. What is longer is cut and ends in an ellipsis."""
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            self.wrong("a text")
        read = storable(str(self.value)).strip()
        return (read if len(read) <= length else read[: length - 1] + "…") or None

    def name(self) -> str | None:
        """A text of at most 256 characters."""
        return self.text(NAME_LENGTH)

    def id(self) -> str | None:
        """An id as text; one that is longer than the contracts take becomes its SHA-256, so that it stays one of its kind."""
        whole = self.text()
        return whole if whole is None or len(whole) <= NAME_LENGTH else "sha256:" + hashlib.sha256(whole.encode()).hexdigest()

    def email(self) -> str | None:
        """An e-mail address; None for a text that cannot be one."""
        address = self.text(EMAIL_LENGTH)
        return address if address is not None and re.fullmatch(EMAIL_PATTERN, address) else None

    def phone(self) -> str | None:
        """A phone number as it was sent; None for a text that is too long to be one."""
        number = self.text()
        return number if number is None or len(number) <= PHONE_LENGTH else None

    def language(self) -> str | None:
        """A BCP 47 tag, underscores read as hyphens; None for a text that cannot be one."""
        tag = (self.text() or "").replace("_", "-")
        return tag if re.fullmatch("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}", tag) else None

    def required_id(self) -> str:
        """An id that has to be there. Raises Unreadable."""
        return self.id() or self.wrong("an id")

    def required_like(self, pattern: re.Pattern[str], expected: str) -> str:
        """An id that is to be part of a URL of the vendor's: nothing but what the pattern says. Raises Unreadable."""
        found = self.required_id()
        return found if pattern.fullmatch(found) else self.wrong(expected)

    def required_text(self) -> str:
        """A text that has to be there. Raises Unreadable."""
        return self.text() or self.wrong("a text")

    def number(self) -> float | None:
        """A finite number, also where the vendor sends it as text; None for a blank text."""
        value = self.value
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        try:
            read = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            read = math.nan
        if not math.isfinite(read):
            self.wrong("a number")
        return int(read) if read.is_integer() else read

    def seconds(self, per_second: int = 1) -> float | None:
        """A duration in seconds, from a number of seconds or of milliseconds (1,000); negative ones and ages are wrong."""
        number = self.number()
        if number is not None and not 0 <= number <= LONGEST * per_second:
            self.wrong("a duration")
        return None if number is None else number / per_second

    def boolean(self) -> bool | None:
        """True or false, also as text."""
        word = str(self.value).strip().lower()
        if self.value is None or word == "":
            return None
        return word == "true" if word in ("true", "false") else self.wrong("true or false")

    def iso(self, zone: ZoneInfo) -> datetime | None:
        """An ISO 8601 instant; without an offset it lies in `zone`."""
        text = self.text()
        return None if text is None else times.iso(text, zone) or self.wrong("an ISO 8601 time")

    def epoch(self, per_second: int = 1) -> datetime | None:
        """An instant in seconds, milliseconds (1,000) or microseconds (1,000,000) since 1970, a number or its text."""
        number = self.number()
        return None if number is None else times.epoch(number, per_second) or self.wrong("a time since 1970")

    def rfc2822(self, zone: ZoneInfo) -> datetime | None:
        """An instant as mail writes it."""
        text = self.text()
        return None if text is None else times.rfc2822(text, zone) or self.wrong("an RFC 2822 time")

    def wrong(self, expected: str) -> NoReturn:
        """Raise Unreadable: something else stands here."""
        raise Unreadable(f"{self.place or 'the body'} should be {expected}")

    def _of(self, kind: type, expected: str) -> Any:
        if self.value is not None and not isinstance(self.value, kind):
            self.wrong(expected)
        return self.value


def id_of(*parts: str) -> str:
    """An id made of several, with colons between them."""
    return Node(":".join(parts)).required_id()


def full_name(*parts: Node) -> str | None:
    """A person's name from its parts, those that are there."""
    return Node(" ".join(name for part in parts if (name := part.name()))).name()


def paragraphs(*parts: str | None) -> str | None:
    """A text from its parts, a subject and a body for example, those that are there."""
    return Node("\n\n".join(part for part in parts if part)).text()


def storable(text: str) -> str:
    """A text that UTF-8 and PostgreSQL can hold."""
    return _UNSTORABLE.sub("", text)


def json_body(body: bytes) -> Node:
    """A JSON body. Whole numbers keep all their digits, so that ids beyond 2^53 stay what they are. Raises Unreadable."""
    try:
        return Node(json.loads(body, parse_constant=_no_number))
    except (ValueError, RecursionError):
        raise Unreadable("the body should be JSON") from None


def _no_number(_: str) -> NoReturn:
    raise ValueError("not JSON")
