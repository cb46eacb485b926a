"""What a person says on the command line about a file, put over the mapping that was guessed. Pure."""

import json
import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from services.ingest.imports.mapping import CLIENT_TYPES, kind_of
from shared.errors import ConfigurationError

_ANSWER = re.compile(
    r"(?P<question>[^=]+)=(?P<column>[^:]+):(?P<instrument>[a-z_]+)(?::(?P<low>-?\d+)-(?P<high>\d+))?(?::(?P<polarity>effort|ease))?"
)


def changed(
    guessed: dict[str, Any] | None,
    *,
    type: str | None,
    maps: Sequence[str],
    constants: Sequence[str],
    answers: Sequence[str],
    date_format: str | None,
    zone: str | None,
    decimal: str | None,
) -> dict[str, Any] | None:
    """The mapping with what was said; None when nothing was. Raises ConfigurationError."""
    if not (type or maps or constants or answers or date_format or zone or decimal):
        return None
    mapping: dict[str, Any] = {"fields": {}, "answers": {}, **deepcopy(guessed or {})}
    mapping["type"] = _type(type or mapping.get("type"))
    if type is not None:
        mapping["fields"] = {name: rule for name, rule in mapping["fields"].items() if kind_of(mapping["type"], name) is not None}
        if not mapping["type"].startswith("feedback.survey_answered"):
            mapping["answers"] = {}
    _map(mapping["fields"], maps)
    for said in constants:
        name, value = _pair("--set", said)
        mapping["fields"][name] = {"constant": _constant(mapping["type"], name, value)}
    for said in answers:
        mapping["answers"] |= _answer(said)
    if date_format is not None:
        if "time" not in mapping["fields"]:
            raise ConfigurationError("--date-format is about the field time: say its column with --map time=COLUMN")
        mapping["fields"]["time"]["format"] = date_format
    return mapping | {name: value for name, value in (("zone", zone), ("decimal", decimal)) if value is not None}


def _type(said: str | None) -> str:
    full = said if said is None or re.search(r"\.v\d+$", said) else f"{said}.v1"
    if full not in CLIENT_TYPES:
        raise ConfigurationError(f"--type must be one of {', '.join(name.removesuffix('.v1') for name in CLIENT_TYPES)}")
    return full


def _map(fields: dict[str, Any], maps: Sequence[str]) -> None:
    columns: dict[str, list[str]] = {}
    for said in maps:
        name, column = _pair("--map", said)
        columns.setdefault(name, []).append(column)
    for name, found in columns.items():
        if found == [""]:
            fields.pop(name, None)
            continue
        kept = fields.get(name, {})
        same = kept.get("column") == found[0]
        fields[name] = {**(kept if same else {}), "column": found[0] if len(found) == 1 else found}


def _pair(option: str, said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not equals or not name.strip():
        raise ConfigurationError(f"{option} {said}: write FIELD={'VALUE' if option == '--set' else 'COLUMN'}")
    return name.strip(), value.strip()


def _constant(type: str, name: str, value: str) -> Any:
    if kind_of(type, name) not in ("number", "whole", "boolean"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ConfigurationError(f"--set {name}={value}: should be a number, true or false") from None


def _answer(said: str) -> dict[str, Any]:
    found = _ANSWER.fullmatch(said)
    if found is None:
        raise ConfigurationError(f"--answer {said}: write QUESTION=COLUMN:INSTRUMENT, for example effort=Ease:ces:1-7:ease")
    rule: dict[str, Any] = {"column": found["column"].strip(), "instrument": found["instrument"]}
    if found["low"] is not None:
        rule |= {"scale_min": int(found["low"]), "scale_max": int(found["high"])}
    return {found["question"].strip(): {**rule, **({"polarity": found["polarity"]} if found["polarity"] else {})}}
