"""The forms in which numbers with a check of their own are written: one pattern each, and whether it says enough by itself.

Patterns are matched where a group of digits begins. Text is folded: ASCII digits, plain hyphens and spaces.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.ingest.personal.national_ids import CHECKS

_END = r"(?![0-9A-Z])"
_ANY_CASE = re.IGNORECASE | re.ASCII


@dataclass(frozen=True, slots=True)
class Form:
    """How a country's number may be written. A `weak` one also fits one in some eleven numbers of other kinds, or has no check: it counts
    only in a tenant's own countries. `nameless` ones, which fit everything, count only behind words that name them."""

    country: str
    pattern: re.Pattern[str]
    weak: bool = False
    nameless: bool = False

    def holds(self, written: str) -> bool:
        """Whether what the pattern matched is one."""
        return CHECKS[self.country](compact(written))


def compact(written: str) -> str:
    """Letters in upper case and digits, without what stands between them."""
    return re.sub("[^0-9A-Z]", "", written.upper())


def _form(country: str, pattern: str, *, weak: bool = False, nameless: bool = False) -> Form:
    return Form(country, re.compile(pattern + _END, _ANY_CASE), weak, nameless)


CARDS: Sequence[re.Pattern[str]] = [
    re.compile(pattern + _END, _ANY_CASE)
    for pattern in (
        r"[0-9]{14,19}",
        r"[0-9]{4}([ .-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}\1[0-9]{3}",
        r"[0-9]{4}([ .-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}",
        r"[0-9]{4}([ .-])[0-9]{6}\1[0-9]{4,5}",
        r"[0-9]{6}[ -][0-9]{10,13}",
    )
]

NUMERIC: Sequence[Form] = (
    _form("CN", r"[0-9]{17}[0-9X]"),
    _form("CN", r"[0-9]{6}([ -])[0-9]{8}\1[0-9]{3}[0-9X]"),
    _form("FR", r"[1-478] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"),
    _form("DE", r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}"),
    _form("BR", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"),
    _form("US", r"[0-9]{3}([- ])[0-9]{2}\1[0-9]{4}"),
    _form("ES", r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}-?[A-Z]"),
    _form("NL", r"[0-9]{4}([. ])[0-9]{2}\1[0-9]{3}"),
    _form("ES", r"[0-9]{8}-?[A-Z]", weak=True),
    _form("IN", r"[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}", weak=True),
    _form("DE", r"[0-9]{11}", weak=True),
    _form("BR", r"[0-9]{11}", weak=True),
    _form("NL", r"[0-9]{9}", weak=True),
    _form("US", r"[0-9]{9}", nameless=True),
)

ANY_NUMERIC = re.compile(
    "|".join(pattern.pattern.replace(r"\1", "[ .-]?") for pattern in (*CARDS, *(form.pattern for form in NUMERIC))), _ANY_CASE
)
"""Takes what one of these takes, and a little more: one look instead of twenty."""

LETTERS_BEFORE = re.compile(r"(?<![A-Z0-9])(?:[A-Z]{3} ?[A-Z]{3} ?|[A-Z]{2} ?|[XYZ]-?)\Z", _ANY_CASE)
"""What may stand before the first digit of the forms that begin with letters."""
IBAN_HEAD = re.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30}", _ANY_CASE)
LETTERED: Sequence[Form] = (
    _form("IT", r"[A-Z]{3} ?[A-Z]{3} ?[0-9]{2}[ABCDEHLMPRST][0-9LMNP-V]{2} ?[A-Z][0-9LMNP-V]{3}[A-Z]"),
    _form("GB", r"[A-Z]{2} [0-9]{2} [0-9]{2} [0-9]{2} [A-Z]"),
    _form("GB", r"[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-Z]", weak=True),
    _form("ES", r"[XYZ]-?[0-9]{7}-?[A-Z]"),
)

NAMES: Mapping[str, re.Pattern[str]] = {
    country: re.compile(words, re.IGNORECASE)
    for country, words in {
        "US": r"\bSSN|SOCIAL SECURITY",
        "GB": r"\bNINO\b|\bN\.?I\.? (?:NO|NUM)|NATIONAL INSURANCE",
        "DE": r"STEUER|\bID-?NR|\bTIN\b|TAX.?ID",
        "CN": r"身份证|RESIDENT ID|IDENTITY CARD",
        "FR": r"\bNIR\b|S[EÉ]CURIT[EÉ] SOCIALE|\bSECU\b|\bSÉCU\b",
        "ES": r"\bDNI\b|\bNIF\b|\bNIE\b",
        "IT": r"CODICE FISCALE|\bC\.?F\.?\b",
        "NL": r"\bBSN\b|BURGERSERVICE|\bSOFI",
        "BR": r"\bCPF\b",
        "IN": r"AADH?AA?R|\bUIDAI\b|आधार",
    }.items()
}
"""Words, shortly before a number, that say which it is."""

_CALLED = (
    "tel", "phone", "telephone", "telefon", "telefono", "teléfono", "telefoon",
    "rufnummer", "handy", "móvil", "portable", "mobile", "mobil",
    "cell", "celular", "fax", "sms", "whatsapp", "call", "call me", "call us", "call on", "call at", "call me on", "call me at", "ring",
    "ring me", "text", "text me", "reach me on", "reach me at",
)  # fmt: skip
_CALLED_IN_CHINESE_AND_JAPANESE = ("电话", "手机", "電話", "携帯", "联系方式", "致电", "微信")
_BETWEEN = ("no", "nr", "number", "nummer", "is", "ist", "es", "est", "号", "号码", "是")


def _backwards(words: Sequence[str]) -> str:
    return "|".join(re.escape(word[::-1]) for word in words)


CALLED_BEFORE = re.compile(
    rf"\(?[^0-9a-z\n\]]{{0,4}}(?:(?:{_backwards(_BETWEEN)})[^0-9a-z\n\]]{{1,3}}){{0,2}}"
    rf"(?:(?:{_backwards(_CALLED)})(?![^\W\d_])|(?:{_backwards(_CALLED_IN_CHINESE_AND_JAPANESE)}))",
    re.IGNORECASE,
)
"""Words, right before a number, that say that it can be called. It reads backwards from the number, which is fast; a mark,
behind which a ] stands, says nothing."""

DAYS = re.compile(
    r"[0-9]{1,2}[./-][0-9]{1,2}[./-](?:[0-9]{4}|[0-9]{2})(?: [0-9]{1,2})?"  # the hours of a time may follow
    r"|[0-9]{4}[./-][0-9]{1,2}[./-][0-9]{1,2}(?: [0-9]{1,2})?"
    r"|(?:19|20)[0-9]{2}[ /-]+(?:19|20)[0-9]{2}"
)
DAY_BEHIND = re.compile(
    r"(?<= )(?:[0-9]{1,2}[./-][0-9]{1,2}[./-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[./-][0-9]{1,2}[./-][0-9]{1,2})(?![0-9])"
)
"""A day that stands behind a number, and is no part of it."""
CURRENCIES_BEFORE = re.compile(r"(?:[$€£¥₹]|\b(?:EUR|USD|GBP|CNY|INR|BRL)) ?\Z")
NO_PHONES = re.compile(
    r"[0-9]{1,3}(?:\.[0-9]{3})+"  # thousands
    r"|[0-9]+\.[0-9]{1,2}"  # a decimal number
    r"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}"  # an address of the internet
)
