"""Matchers on labels: `team="phone"`, `severity!="info"`, `team=~"phone|chat.*"`, `kind!~"regulator.*"`. A missing label is an empty text.

A pattern knows `|` and `.*` and nothing else: these are matched in linear time, so no tenant's pattern can hold up another's alerts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from services.alerts.domain.rule import refuse

_WRITTEN = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s]*))\s*')
_SPECIAL = re.compile(r"[()\[\]{}^$+?*\\.]")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label."""

    name: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy it."""
        actual = labels.get(self.name, "")
        if self.operator in ("=", "!="):
            return (actual == self.value) is (self.operator == "=")
        return any(_like(pattern, actual) for pattern in self.value.split("|")) is (self.operator == "=~")


def read_matcher(text: str) -> Matcher:
    """A matcher from its text. Raises what pydantic reports."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        refuse("matcher", 'must look like team="phone", severity!="info", team=~"phone|chat.*" or kind!~"regulator.*"')
    name, operator, quoted, bare = found.groups()
    value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
    if "~" in operator and _SPECIAL.search(value.replace(".*", "")):
        refuse("matcher", 'a pattern knows | between alternatives and .* for any text, for example team=~"phone|chat.*"')
    return Matcher(name, operator, value)


def _checked(text: str) -> str:
    read_matcher(text)
    return text


MatcherText = Annotated[str, Field(max_length=512), AfterValidator(_checked)]


def _like(pattern: str, text: str) -> bool:
    """Whether `pattern`, in which `.*` stands for any text, is the whole of `text`."""
    first, *rest = pattern.split(".*")
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])
