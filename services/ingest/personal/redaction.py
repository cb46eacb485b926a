"""Takes personal data out of free text and leaves typed marks: [card], [iban], [email], [phone], [national_id]; and [number], where a
text is nothing but numbers.

A text is searched for digits and for @, which most texts hardly have; only around them is it looked at closely. A number is taken for
personal only when its form and its own check say so: an order number is no card unless prefix, length and check digit fit one. What has
no check digit, or a weak one, needs the country to be the tenant's, or words before it that name it.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from services.ingest.personal.emails import emails
from services.ingest.personal.finding import Found, Numbers, Wanted

KINDS = ("card", "iban", "email", "phone", "national_id")
PASSES = 8
"""What stands beside a mark may look different from before: the text is searched again until nothing is found, at most so often."""
_DIGIT = re.compile("[0-9]")
_LONG_CLUSTER = re.compile(r"[0-9](?:[ ./()-]{0,3}[0-9]){5,}")
_FOLDED = str.maketrans(
    {
        **{chr(zero + digit): str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6) for digit in range(10)},
        **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    }
)
"""Digits of other scripts, the wide characters of Chinese and Japanese input, and the spaces and hyphens of typesetters; one for one."""
_TO_FOLD = re.compile("[" + "".join(chr(code) for code in _FOLDED if _FOLDED[code] in "0123456789@ -") + "]")
"""What makes folding worth while: a comma alone, of which Chinese texts are full, does not."""


class Redactor:
    """Redaction as one tenant wants it: which kinds, whose weak national ids count, and where phone numbers are national.

    `marked` is told of every mark that is made, by its kind.
    """

    def __init__(
        self,
        kinds: Iterable[str] = KINDS,
        countries: Iterable[str] = (),
        region: str | None = None,
        marked: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._kinds = frozenset(kinds)
        self._marked = marked
        self._wanted = Wanted(self._kinds, frozenset({*countries, *([] if region is None else [region])}), region)

    def redact(self, text: str) -> str:
        """The text with marks. Never raises; redacting again changes nothing; takes time in proportion to the text."""
        for _ in range(PASSES):
            found = self._found(text)
            if not found:
                return text
            text = self._with_marks(text, found)
        text, dense = _LONG_CLUSTER.subn("[number]", text)
        for _ in range(dense):
            self._marked("number")
        return text

    def _found(self, text: str) -> Sequence[Found]:
        plain = text if text.isascii() or _TO_FOLD.search(text) is None else text.translate(_FOLDED)
        found = Numbers(plain, self._wanted).all() if _DIGIT.search(plain) is not None else []
        if "email" in self._kinds and "@" in plain:
            found = sorted([*found, *(Found(start, end, "email") for start, end in emails(plain))])
        return found

    def _with_marks(self, text: str, found: Sequence[Found]) -> str:
        """The text with a mark for each of these, which may overlap: the first, and of those the longest, wins."""
        parts: list[str] = []
        at = 0
        for start, end, kind in found:
            if start >= at:
                parts += (text[at:start], f"[{kind}]")
                at = end
                self._marked(kind)
        parts.append(text[at:])
        return "".join(parts)
