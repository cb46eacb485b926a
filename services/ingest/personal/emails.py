"""E-mail addresses: normalised where they are a field of their own, and found where they stand in a text."""

import re
import string
import unicodedata
from collections.abc import Iterator

from shared.contracts.fields import EMAIL_PATTERN

_LETTERS = string.ascii_letters + string.digits + "".join(chr(code) for code in range(0xC0, 0x530) if chr(code).isalnum())
"""Latin, Greek and Cyrillic: a Chinese sentence goes on behind an address without a space."""
_LOCAL = _LETTERS + "._%+-'!#$&*~^"
_DOMAIN = _LETTERS + ".-"
_HOST = re.compile(r"(?:[^\W_](?:[^\W_]|-)*\.)+(?:[^\W\d_]{2,}|xn--[a-z0-9-]+)", re.IGNORECASE)
_ADDRESS = re.compile(EMAIL_PATTERN)
LONGEST_LOCAL, LONGEST_DOMAIN = 64, 253


def normal_email(email: str) -> str:
    """The address as it is compared: composed, lower case. Local parts that differ only in case are one mailbox everywhere that matters."""
    return unicodedata.normalize("NFC", email).strip().lower()


def is_email(text: str) -> bool:
    """Whether the contract takes this as an address."""
    return _ADDRESS.fullmatch(text) is not None


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand: from an @ as far to the left and to the right as they may go."""
    at = text.find("@")
    behind = 0
    while at >= 0:
        head = text[max(behind, at - LONGEST_LOCAL) : at]
        local = head[len(head.rstrip(_LOCAL)) :].lstrip("._%+-'!#$&*~^")
        tail = text[at + 1 : at + 1 + LONGEST_DOMAIN]
        domain = tail[: len(tail) - len(tail.lstrip(_DOMAIN))]
        if local and (host := _HOST.match(domain)):
            behind = at + 1 + host.end()
            yield at - len(local), behind
        at = text.find("@", at + 1)
