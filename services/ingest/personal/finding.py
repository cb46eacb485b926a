"""Finds numbers that are personal in a text whose digits, spaces and hyphens are plain: from each group of digits outwards."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.ingest.personal.forms import (
    ANY_NUMERIC,
    CALLED_BEFORE,
    CARDS,
    CURRENCIES_BEFORE,
    DAY_BEHIND,
    DAYS,
    IBAN_HEAD,
    LETTERED,
    LETTERS_BEFORE,
    NAMES,
    NO_PHONES,
    NUMERIC,
    Form,
    compact,
)
from services.ingest.personal.numbers import IBAN_LENGTHS, is_card, is_iban
from services.ingest.personal.phones import LONGEST, SHORTEST, is_international, is_national

LEAST_LOOKS, CHARACTERS_A_LOOK = 64, 25
"""So many numbers of a text are looked at closely, and one more for so many characters. No sentence has more; in what has, every number
of seven digits from there on becomes [number], so that nobody can keep the process busy with numbers that are nearly cards."""
WORDS_BEFORE = 40
"""How many characters before a number words that name it may begin."""
LONGEST_WRITTEN_PHONE = 32

_CLUSTER = re.compile(
    r"[0-9](?:(?:[ ./()-]{0,3}[0-9]){6,}"
    r"|(?<=[A-Za-z][0-9])[0-9]"
    r"|(?<=[A-Za-z][ -][0-9])(?:[0-9] ?[0-9]{2} ?[0-9]{2} ?[A-Da-d]|[0-9][A-Za-z][0-9]))"
)
"""Where it is worth looking: seven digits or more that hang together, or what may go on behind letters."""
_GROUP = re.compile(r"[0-9]+")
_SEPARATORS = str.maketrans("", "", " ./()-")


class Found(NamedTuple):
    """A piece of text that is personal, and what it is."""

    start: int
    end: int
    kind: str


class Wanted(NamedTuple):
    """What is looked for: kinds, the countries whose weak national ids count, and where phone numbers are national."""

    kinds: frozenset[str]
    countries: frozenset[str]
    region: str | None


class Numbers:
    """The search through one text."""

    def __init__(self, text: str, wanted: Wanted) -> None:
        self._text = text
        self._wanted = wanted
        self._ids = "national_id" in wanted.kinds
        self._looks = LEAST_LOOKS + len(text) // CHARACTERS_A_LOOK

    def all(self) -> list[Found]:
        """In the order in which they stand, without overlaps."""
        found: list[Found] = []
        cluster = _CLUSTER.search(self._text)
        while cluster is not None:
            start, end = cluster.span()
            lettered = self._lettered(start)
            if lettered is not None:
                found.append(lettered)
                end = lettered.end
            elif end - start >= SHORTEST and DAYS.fullmatch(self._text, start, end) is None:
                for number in self._numeric(start, end):
                    found.append(number)
                    end = max(end, number.end)
            cluster = _CLUSTER.search(self._text, end)
        return found

    def _lettered(self, at: int) -> Found | None:
        """An IBAN, or an id that begins with letters, whose first digit is at `at`."""
        text = self._text
        if not text[at - 1 : at].isalpha() and not text[max(0, at - 2) : at - 1].isalpha():
            return None
        letters = LETTERS_BEFORE.search(text, max(0, at - 9), at)
        if letters is None:
            return None
        start = letters.start()
        if "iban" in self._wanted.kinds and (end := self._iban_end(start)) is not None:
            return Found(start, end, "iban")
        if self._ids:
            for form in LETTERED:
                written = form.pattern.match(text, start)
                if written is not None and form.holds(written[0]) and self._counts(form, start):
                    return Found(start, written.end(), "national_id")
        return None

    def _iban_end(self, start: int) -> int | None:
        written = IBAN_HEAD.match(self._text, start)
        length = IBAN_LENGTHS.get(self._text[start : start + 2].upper(), 0)
        if written is None:
            return None
        count, end = 0, start
        while count < length and end < written.end():
            count += self._text[end].isalnum()
            end += 1
        behind = self._text[end : end + 1]
        if count != length or (behind.isascii() and behind.isalnum()) or not is_iban(compact(self._text[start:end])):
            return None
        return end

    def _numeric(self, start: int, end: int) -> Iterator[Found]:
        """What is personal in one cluster of digits, from left to right."""
        at = start
        if start and self._text[start - 1].isascii() and self._text[start - 1].isalnum():
            first = _GROUP.match(self._text, start)
            assert first is not None
            at = first.end()  # the first group hangs on a letter: it is a part of a code
        while (group := _GROUP.search(self._text, at, end)) is not None:
            if self._looks <= 0:
                if end - group.start() >= SHORTEST:
                    yield Found(group.start(), end, "number")
                return
            found = self._at(group.start(), group.end(), end, first=group.start() == start)
            if found is not None:
                yield found
            at = found.end if found is not None else group.end()

    def _at(self, start: int, group_end: int, cluster_end: int, *, first: bool) -> Found | None:
        """What begins with the group of digits at `start`."""
        text, kinds = self._text, self._wanted.kinds
        if ANY_NUMERIC.match(text, start) is not None:
            self._looks -= 1
            if "card" in kinds and group_end - start >= 4:
                for pattern in CARDS:
                    written = pattern.match(text, start)
                    if written is not None and is_card(compact(written[0])):
                        return Found(start, written.end(), "card")
            if self._ids:
                for form in NUMERIC:
                    written = form.pattern.match(text, start)
                    if written is not None and form.holds(written[0]) and self._counts(form, start):
                        return Found(start, written.end(), "national_id")
        if "phone" in kinds:
            return self._phone(start, cluster_end, first=first)
        return None

    def _counts(self, form: Form, start: int) -> bool:
        """Whether the form says enough here: by itself, by the tenant's countries, or by words that name it."""
        if not form.nameless and (not form.weak or form.country in self._wanted.countries):
            return True
        return NAMES[form.country].search(self._text, max(0, start - WORDS_BEFORE), start) is not None

    def _phone(self, start: int, cluster_end: int, *, first: bool) -> Found | None:
        text = self._text
        before = text[start - 1 : start]
        plus = before == "+"
        if not (plus or (first and before != ":") or before == "(" or (before == " " and text[start] == "0")):
            return None
        for end in self._ends_of_a_phone(start, cluster_end):
            written = text[start:end]
            digits = written.translate(_SEPARATORS)
            self._looks -= 1
            if len(digits) < SHORTEST:
                return None
            if len(digits) <= LONGEST and (self._may_be_called(written, start, digits, plus=plus) or self._is_named(written, start)):
                opened = start - plus
                return Found(opened - (text[opened - 1 : opened] == "("), end, "phone")
        return None

    def _ends_of_a_phone(self, start: int, cluster_end: int) -> Sequence[int]:
        """Where a number that begins here may end, the furthest first: behind a group of digits that hangs on no letter."""
        text = self._text
        last = min(cluster_end, start + LONGEST_WRITTEN_PHONE)
        day = DAY_BEHIND.search(text, start, cluster_end)
        if day is not None:
            last = min(last, day.start())
        ends = [group.end() for group in _GROUP.finditer(text, start, last)]
        behind = text[ends[-1] : ends[-1] + 1] if ends else ""
        if behind.isascii() and behind.isalnum():
            ends.pop()
        return ends[::-1]

    def _may_be_called(self, written: str, start: int, digits: str, *, plus: bool) -> bool:
        if plus:
            return is_international(digits)
        if digits.startswith("00"):
            return len(digits) > 9 and is_international(digits[2:])
        region = self._wanted.region
        if region is None or not is_national(digits, region, spaced=len(written) > len(digits)):
            return False
        return NO_PHONES.fullmatch(written) is None and CURRENCIES_BEFORE.search(self._text, max(0, start - 5), start) is None

    def _is_named(self, written: str, start: int) -> bool:
        """Whether words right before it say that it can be called."""
        if CALLED_BEFORE.match(self._text[max(0, start - WORDS_BEFORE) : start][::-1]) is None:
            return False
        return NO_PHONES.fullmatch(written) is None
