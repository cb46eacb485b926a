"""Whether a contract may change as it did: a pure judge over two JSON Schemas of one type.

Readers of the last release are still running, and records it wrote are still on the topics. So only a new optional field passes (and what
nobody decodes by: titles, descriptions, examples); everything else is a new version of the type.
"""

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_NOT_DECODED_BY = frozenset({"$defs", "$id", "$schema", "title", "description", "examples", "deprecated"})
_WALKED = frozenset({"properties", "required", "anyOf", "items", "additionalProperties", "propertyNames"})
_UPPER_BOUNDS = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_LOWER_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})

_WIDER = "widened, which readers of the last release refuse"
_NARROWER = "narrowed, which refuses records already written"


def breaking_changes(old_schema: Schema, new_schema: Schema) -> list[str]:
    """What a reader or a record of `old_schema` would stumble over under `new_schema`, one line each; empty when it may be released.

    References are followed within each schema's own `$defs`.
    """
    return list(_Comparison(old_schema, new_schema).differences(old_schema, new_schema, "data"))


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_definitions = old_root.get("$defs", {})
        self._new_definitions = new_root.get("$defs", {})
        self._under_way: set[tuple[str | None, str | None]] = set()

    def differences(self, old: Any, new: Any, path: str) -> Iterator[str]:
        """Walk two schemas side by side."""
        if not isinstance(old, dict) or not isinstance(new, dict):
            if old != new:
                yield f"{path}: changed from {_shown(old)} to {_shown(new)}"
            return
        references = (old.get("$ref"), new.get("$ref"))
        if references != (None, None):
            if references in self._under_way:
                return
            self._under_way.add(references)
            yield from self.differences(_resolved(old, self._old_definitions), _resolved(new, self._new_definitions), path)
            self._under_way.discard(references)
            return
        yield from self._fields(old, new, path)
        yield from self._alternatives(old.get("anyOf", []), new.get("anyOf", []), path)
        for keyword, suffix in (("items", "[]"), ("additionalProperties", ".*"), ("propertyNames", " (names)")):
            if keyword in old or keyword in new:
                yield from self.differences(old.get(keyword), new.get(keyword), path + suffix)
        yield from _changed_keywords(old, new, path)

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required_before, required_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() - after.keys()):
            yield f"{path}.{name}: removed"
        for name in sorted((after.keys() - before.keys()) & required_after):
            yield f"{path}.{name}: new and required; a new field must be optional"
        for name in sorted(before.keys() & after.keys()):
            if (name in required_before) != (name in required_after):
                yield f"{path}.{name}: {'no longer required' if name in required_before else 'now required'}"
            yield from self.differences(before[name], after[name], f"{path}.{name}")

    def _alternatives(self, old: list[Schema], new: list[Schema], path: str) -> Iterator[str]:
        before = sorted(old, key=lambda member: self._kind(member, self._old_definitions))
        after = sorted(new, key=lambda member: self._kind(member, self._new_definitions))
        kinds_before = [self._kind(member, self._old_definitions) for member in before]
        kinds_after = [self._kind(member, self._new_definitions) for member in after]
        if kinds_before != kinds_after:
            yield f"{path}: type changed from {_shown(kinds_before)} to {_shown(kinds_after)}"
            return
        for one, other in zip(before, after, strict=True):
            yield from self.differences(one, other, path)

    @staticmethod
    def _kind(member: Schema, definitions: Schema) -> str:
        """What tells the alternatives of a type apart, whatever their order and their content."""
        resolved = _resolved(member, definitions)
        return f"{resolved.get('type', 'any')} {resolved.get('format', '')}".strip()


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """The schema that a reference names, with what is written beside the reference."""
    if "$ref" not in schema:
        return schema
    beside = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
    return {**definitions[schema["$ref"].rsplit("/", 1)[-1]], **beside}


def _changed_keywords(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = _keywords(old), _keywords(new)
    for keyword in sorted(before.keys() | after.keys()):
        one, other = before.get(keyword), after.get(keyword)
        # 1 and True are equal in Python and different in JSON
        if _shown(one) != _shown(other):
            yield f"{path}: {keyword} {_direction(keyword, one, other)} (from {_shown(one)} to {_shown(other)})"


def _keywords(schema: Schema) -> Schema:
    """What is compared by value; a `const` is an `enum` of one."""
    kept = {keyword: value for keyword, value in schema.items() if keyword not in _NOT_DECODED_BY | _WALKED}
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if "enum" in kept:
        kept["enum"] = sorted(kept["enum"], key=_shown)
    return kept


def _direction(keyword: str, old: Any, new: Any) -> str:
    if keyword == "enum" and old is not None and new is not None:
        before, after = set(map(_shown, old)), set(map(_shown, new))
        if before < after:
            return _WIDER
        return _NARROWER if after < before else "changed"
    if keyword in _UPPER_BOUNDS | _LOWER_BOUNDS:
        if old is None or new is None:
            return _NARROWER if old is None else _WIDER
        return _WIDER if (new > old) == (keyword in _UPPER_BOUNDS) else _NARROWER
    return "changed"


def _shown(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
