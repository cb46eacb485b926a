"""The mapping: which column, or which constant, becomes which field of the event. Pure; docs/imports.md says it for people.

What kind of value a field takes is not written in the mapping: the contract of the event's type says it.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.ingest.adapters.questions import Question
from services.ingest.imports import values
from services.ingest.imports.cells import Cell, is_blank, text_of
from services.ingest.imports.values import Decimal
from shared.contracts.fields import Name, Points, Zone
from shared.contracts.registry import EVENT_TYPES
from shared.errors import FieldError

Kind = Literal["text", "word", "number", "whole", "boolean", "instant", "day", "scalar"]
Scalar = str | int | float | bool
ENVELOPE: MappingOf[str, Kind] = {"id": "text", "time": "instant", "subject": "text"}
CLIENT_TYPES = tuple(name for name, type in EVENT_TYPES.items() if type.from_clients)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name} is no IANA time zone; one is, for example, Europe/Berlin") from None
    return name


KnownZone = Annotated[Zone, AfterValidator(_known_zone)]
Words = Annotated[dict[str, Scalar], Field(max_length=1000)]
ColumnName = Annotated[str, Field(min_length=1, max_length=300)]


class Rule(BaseModel):
    """Where the value of one field comes from: a column (of several, the first that is not blank), or a constant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: ColumnName | Annotated[list[ColumnName], Field(min_length=1, max_length=20)] | None = None
    constant: Scalar | None = None
    words: Annotated[
        dict[str, Scalar], Field(max_length=1000, description="What words in the column mean; upper and lower case are one")
    ] = {}
    otherwise: Annotated[Scalar | None, Field(description="For a blank cell, and for a word that `words` does not have")] = None
    format: Annotated[str, Field(min_length=2, max_length=64), AfterValidator(values.usable_form)] | None = None
    """Of a time: iso, epoch, epoch_ms, excel, or as Python's strptime writes it."""
    zone: KnownZone | None = None
    decimal: Decimal | None = None

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it looks into."""
        return [] if self.column is None else [self.column] if isinstance(self.column, str) else self.column


class AnswerRule(Question):
    """An answer to one question: where it stands, and what was asked."""

    column: ColumnName
    words: Words = Field(default_factory=dict)


class ScoreRule(BaseModel):
    """One dimension of an observation: where its score stands, on which scale."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: ColumnName
    scale_min: Points
    scale_max: Points


class Mapping(BaseModel):
    """One row becomes one event of `type`. `fields` are those of the event's `data` by dotted name (`customer.id`, `tags.shop`), and
    `id`, `time` and `subject`; `answers` are the questions of a survey, `scores` the dimensions of an observation, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Annotated[str, Field(max_length=256)]
    fields: Annotated[dict[Name, Rule], Field(max_length=200)] = Field(default_factory=dict)
    answers: Annotated[dict[Name, AnswerRule], Field(max_length=200)] = Field(default_factory=dict)
    scores: Annotated[dict[Name, ScoreRule], Field(max_length=200)] = Field(default_factory=dict)
    zone: Annotated[KnownZone | None, Field(description="Where times without an offset lie; the tenant's zone when it is not given")] = None
    decimal: Decimal = "."

    def columns(self) -> set[str]:
        """Every column that it reads."""
        named = {column for rule in self.fields.values() for column in rule.columns}
        return named | {rule.column for rule in self.answers.values()} | {rule.column for rule in self.scores.values()}


class Refused(Exception):
    """This row becomes no event; `errors` say what is wrong, field by field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors[0].msg)
        self.errors = errors


class RowMapper:
    """A mapping made ready for the columns of one file. `zone` is where times lie when the mapping names none."""

    def __init__(self, mapping: Mapping, columns: Sequence[str], zone: ZoneInfo) -> None:
        self._mapping = mapping
        self._place = {name: place for place, name in enumerate(columns)}
        self._zone = ZoneInfo(mapping.zone) if mapping.zone else zone
        self._rules = [(name, tuple(name.split(".")), rule, _of(kind_of(mapping.type, name)), _folded(rule.words))
                       for name, rule in mapping.fields.items()]  # fmt: skip
        self._answers = [(name, rule, _folded(rule.words)) for name, rule in mapping.answers.items()]

    def event(self, cells: Sequence[Cell]) -> dict[str, Any]:
        """The event of a row, JSON-ready, as yet unjudged. Raises Refused."""
        event: dict[str, Any] = {"type": self._mapping.type}
        data: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, path, rule, kind, words in self._rules:
            try:
                value = self._value(rule, kind, words, cells)
            except ValueError as wrong:
                errors.append(FieldError((", ".join(rule.columns) or name,), f"{wrong} (field {name})"))
                continue
            if value is not None and name in ENVELOPE:
                event[name] = value
            elif value is not None:
                _put(data, path, value)
        for list_name, items in (("answers", self._said(cells, errors)), ("scores", self._scored(cells, errors))):
            if items:
                data[list_name] = items
        if errors:
            raise Refused(errors)
        return {**event, "data": data}

    def _value(self, rule: Rule, kind: Kind, words: MappingOf[str, Scalar], cells: Sequence[Cell]) -> Any:
        if not rule.columns:
            return rule.constant
        cell = next((cell for name in rule.columns if not is_blank(cell := cells[self._place[name]])), None)
        if cell is None:
            return rule.otherwise
        if words:
            found = words.get(text_of(cell).casefold(), rule.otherwise)
            if found is None:
                raise ValueError("holds a word that the mapping's `words` do not have")
            return found
        return _converted(cell, kind, rule, ZoneInfo(rule.zone) if rule.zone else self._zone, rule.decimal or self._mapping.decimal)

    def _said(self, cells: Sequence[Cell], errors: list[FieldError]) -> list[dict[str, Any]]:
        """The answers that were given."""
        answers: list[dict[str, Any]] = []
        for name, rule, words in self._answers:
            cell: Cell = cells[self._place[rule.column]]
            if is_blank(cell):
                continue
            cell = words.get(text_of(cell).casefold(), cell)
            asked = rule.model_dump(include={"instrument", "scale_min", "scale_max", "polarity", "dimension"}, exclude_none=True)
            try:
                answers.append({"question": name, **asked, **_answer(rule, cell, self._mapping.decimal)})
            except ValueError as wrong:
                errors.append(FieldError((rule.column,), f"{wrong} (answer {name})"))
        return answers

    def _scored(self, cells: Sequence[Cell], errors: list[FieldError]) -> list[dict[str, Any]]:
        scores: list[dict[str, Any]] = []
        for name, rule in self._mapping.scores.items():
            if is_blank(cell := cells[self._place[rule.column]]):
                continue
            try:
                score = values.number(cell, self._mapping.decimal)
                scores.append({"dimension": name, "score": score, "scale_min": rule.scale_min, "scale_max": rule.scale_max})
            except ValueError as wrong:
                errors.append(FieldError((rule.column,), f"{wrong} (score {name})"))
        return scores


def _converted(cell: Cell, kind: Kind, rule: Rule, zone: ZoneInfo, decimal: Decimal) -> Any:
    match kind:
        case "text":
            return text_of(cell)
        case "word":
            return text_of(cell).casefold().replace(" ", "_")
        case "number":
            return values.number(cell, decimal)
        case "whole":
            return values.whole(cell, decimal)
        case "boolean":
            return values.boolean(cell)
        case "day" if (found := values.day(cell, rule.format or values.ISO)) is not None:
            return found.isoformat()
        case "instant" | "day":
            return values.instant(cell, rule.format or values.ISO, zone).isoformat()
    return cell if isinstance(cell, bool | int | float) else text_of(cell)


def _answer(rule: AnswerRule, cell: Cell, decimal: Decimal) -> dict[str, Any]:
    match rule.instrument:
        case "text":
            return {"text": text_of(cell)}
        case "choice":
            return {"choice": text_of(cell)}
        case "yes_no":
            return {"score": int(values.boolean(cell))}
    return {"score": values.number(cell, decimal)}


def _put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        data = data.setdefault(step, {})
    data[path[-1]] = value


def _folded(words: MappingOf[str, Scalar]) -> dict[str, Scalar]:
    return {word.strip().casefold(): meaning for word, meaning in words.items()}


def _of(kind: Kind | None) -> Kind:
    return "text" if kind is None else kind


@lru_cache(maxsize=4096)
def kind_of(type: str, name: str) -> Kind | None:
    """What kind of value a field of an event takes; None when the type has no such field."""
    if name in ENVELOPE:
        return ENVELOPE[name]
    schema = EVENT_TYPES[type].data.model_json_schema()
    found: dict[str, Any] = schema
    for step in name.split("."):
        found = _resolved(found, schema)
        if step in found.get("properties", {}):
            found = found["properties"][step]
        elif isinstance(found.get("additionalProperties"), dict) and 0 < len(step) <= 64:
            found = found["additionalProperties"]
        else:
            return None
    return _kind(_resolved(found, schema))


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A schema without the reference that it is, and without the null that it may be."""
    while True:
        if "$ref" in schema:
            schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
        elif len(others := [one for one in schema.get("anyOf", []) if one.get("type") != "null"]) == 1:
            schema = others[0]
        else:
            return schema


def _kind(schema: dict[str, Any]) -> Kind | None:
    if "anyOf" in schema:
        formats = {one.get("format") for one in schema["anyOf"]}
        return "day" if "date" in formats else "scalar"
    if schema.get("format") == "date-time":
        return "instant"
    if "enum" in schema:
        return "word"
    kinds: dict[Any, Kind] = {"string": "text", "number": "number", "integer": "whole", "boolean": "boolean"}
    return kinds.get(schema.get("type"))


def problems_of(mapping: Mapping, columns: Sequence[str]) -> list[str]:
    """Why the mapping cannot be used on a file with these columns; empty when it can."""
    if mapping.type not in CLIENT_TYPES:
        return [f"{mapping.type} is no type of event that can be imported; there are {', '.join(CLIENT_TYPES)}"]
    found = [f"there is no column {name!r}; there are {', '.join(map(repr, columns))}" for name in sorted(mapping.columns() - set(columns))]
    for name, rule in mapping.fields.items():
        if kind_of(mapping.type, name) is None:
            found.append(f"{mapping.type} has no field {name}")
        if (rule.constant is None) == (not rule.columns):
            found.append(f"field {name}: give either a column or a constant")
    if "time" not in mapping.fields:
        found.append('field time: say which column holds the time, for example {"column": "Date", "format": "%d.%m.%Y"}')
    return found
