"""Web addresses of their own field, in which personal data stands mostly behind the question mark."""

import re
from collections.abc import Callable
from urllib.parse import unquote_plus

_BETWEEN = re.compile("([/?&;=#])")


def redacted_url(url: str, redact: Callable[[str], str]) -> str:
    """The URL with marks, whether or not it is percent-encoded.

    Before ? and # only what holds an @ is looked at: a number there names a page.
    """
    pieces = _BETWEEN.split(url)
    behind = False
    for place, piece in enumerate(pieces):
        behind = behind or piece in ("?", "#")
        plain = unquote_plus(piece)
        if behind or "@" in plain:
            marked = redact(plain)
            pieces[place] = piece if marked == plain else marked
    return "".join(pieces)
