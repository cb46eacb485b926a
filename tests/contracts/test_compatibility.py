"""What may change between releases: new optional fields. Everything else stops a reader or refuses a record already written."""

import copy
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from shared.contracts.compatibility import breaking_changes
from shared.contracts.envelope import Envelope
from shared.contracts.fields import Attributes, Instant, Name, Record
from shared.contracts.registry import EVENT_TYPES


class Part(Record):
    """Nested."""

    name: Name
    weight: Annotated[float, Field(ge=0, le=1)] | None = None


class Whole(Record):
    """The released contract."""

    id: Name
    kind: Literal["a", "b"]
    only: Literal["x"] = "x"
    count: Annotated[int, Field(ge=0, le=9)] = 1
    code: Annotated[str, Field(pattern="^[a-z]$")] | None = None
    at: Instant | None = None
    part: Part | None = None
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=5)]
    tags: Annotated[dict[Name, Name], Field(max_length=3)] = Field(default_factory=dict)
    attributes: Attributes = Field(default_factory=dict)


def schema() -> dict[str, Any]:
    return copy.deepcopy(Whole.model_json_schema())


def changed(edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> list[str]:
    """The judgement over the released schema and itself after `edit(schema, properties)`."""
    new = schema()
    edit(new, new["properties"])
    assert json.dumps(new) != json.dumps(schema())
    return breaking_changes(schema(), new)


@pytest.mark.parametrize(
    "model", [Whole, Envelope, *dict.fromkeys(kind.data for kind in EVENT_TYPES.values())], ids=lambda model: model.__name__
)
def test_a_contract_that_did_not_change_breaks_nothing(model: type[BaseModel]) -> None:
    assert breaking_changes(model.model_json_schema(), model.model_json_schema()) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda new, fields: fields.update(extra={"type": "string"}),
        lambda new, fields: new["$defs"]["Part"]["properties"].update(extra={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda new, fields: fields["id"].update(title="Another", description="words", examples=["e"], deprecated=True),
        lambda new, fields: new.update(title="Another", description="words"),
        lambda new, fields: new["required"].reverse(),
        lambda new, fields: fields["kind"]["enum"].reverse(),
        lambda new, fields: fields["part"]["anyOf"].reverse(),
        lambda new, fields: fields["only"].update(enum=[fields["only"].pop("const")]),
    ],
)
def test_new_optional_fields_and_words_are_free(edit: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    assert changed(edit) == []


def test_the_name_of_a_nested_model_is_no_part_of_the_contract() -> None:
    def rename(new: dict[str, Any], fields: dict[str, Any]) -> None:
        new["$defs"]["Piece"] = new["$defs"].pop("Part")
        fields["parts"]["items"]["$ref"] = fields["part"]["anyOf"][0]["$ref"] = "#/$defs/Piece"

    assert changed(rename) == []


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda new, fields: fields.pop("at"), "data.at: removed"),
        (lambda new, fields: fields.update(when=fields.pop("at")), "data.at: removed"),
        (lambda new, fields: new["$defs"]["Part"]["properties"].pop("weight"), "data.parts[].weight: removed"),
        (lambda new, fields: (fields.update(extra={"type": "string"}), new["required"].append("extra")), "data.extra: new and required"),
        (lambda new, fields: new["required"].append("count"), "data.count: now required"),
        (lambda new, fields: new["required"].remove("id"), "data.id: no longer required"),
        (lambda new, fields: fields["count"].update(type="number"), "data.count: type changed"),
        (lambda new, fields: fields["kind"].update(enum=["a"]), "data.kind: enum narrowed"),
        (lambda new, fields: fields["kind"].update(enum=["a", "b", "c"]), "data.kind: enum widened"),
        (lambda new, fields: fields["kind"].update(enum=["a", "c"]), "data.kind: enum changed"),
        (lambda new, fields: fields["only"].update(const="y"), "data.only: enum changed"),
        (lambda new, fields: fields["kind"].pop("enum"), "data.kind: enum changed"),
        (lambda new, fields: fields["count"].update(maximum=8), "data.count: maximum narrowed"),
        (lambda new, fields: fields["count"].update(maximum=10), "data.count: maximum widened"),
        (lambda new, fields: fields["count"].pop("maximum"), "data.count: maximum widened"),
        (lambda new, fields: fields["count"].update(minimum=1), "data.count: minimum narrowed"),
        (lambda new, fields: fields["count"].update(minimum=-1), "data.count: minimum widened"),
        (lambda new, fields: fields["count"].update(exclusiveMaximum=9), "data.count: exclusiveMaximum narrowed"),
        (lambda new, fields: fields["count"].update(default=2), "data.count: default changed"),
        (lambda new, fields: fields["count"].update(default=True), "data.count: default changed"),
        (lambda new, fields: fields["count"].update(multipleOf=2), "data.count: multipleOf changed"),
        (lambda new, fields: fields["id"].update(maxLength=1), "data.id: maxLength narrowed"),
        (lambda new, fields: fields["id"].update(pattern="^a$"), "data.id: pattern changed"),
        (lambda new, fields: fields["code"]["anyOf"][0].update(pattern="^[0-9]$"), "data.code: pattern changed"),
        (lambda new, fields: fields["code"]["anyOf"].pop(), "data.code: type changed"),
        (lambda new, fields: fields["code"]["anyOf"].append({"type": "integer"}), "data.code: type changed"),
        (lambda new, fields: fields["at"]["anyOf"][0].update(format="date"), "data.at: type changed"),
        (lambda new, fields: fields.update(at={"type": "string", "format": "date-time", "default": None}), "data.at: type changed"),
        (lambda new, fields: fields.update(part={"type": "string"}), "data.part: type changed"),
        (lambda new, fields: new["$defs"]["Part"]["required"].append("weight"), "data.parts[].weight: now required"),
        (
            lambda new, fields: new["$defs"]["Part"]["properties"]["weight"]["anyOf"][0].update(maximum=0.5),
            "data.part.weight: maximum narrowed",
        ),
        (lambda new, fields: fields["parts"].update(minItems=2), "data.parts: minItems narrowed"),
        (lambda new, fields: fields["parts"].update(items={"type": "string"}), "data.parts[]: type changed"),
        (lambda new, fields: fields["tags"].update(maxProperties=2), "data.tags: maxProperties narrowed"),
        (lambda new, fields: fields["tags"]["additionalProperties"].update(maxLength=1), "data.tags.*: maxLength narrowed"),
        (lambda new, fields: fields["tags"]["propertyNames"].update(maxLength=1), "data.tags (names): maxLength narrowed"),
        (lambda new, fields: fields["attributes"]["additionalProperties"]["anyOf"].pop(), "data.attributes.*: type changed"),
        (lambda new, fields: new.update(additionalProperties=True), "data.*: changed from false to true"),
    ],
)
def test_any_other_change_is_told_with_its_place(edit: Callable[[dict[str, Any], dict[str, Any]], object], line: str) -> None:
    lines = changed(edit)

    assert any(found.startswith(line) for found in lines), lines


def test_a_model_that_holds_itself_is_judged_and_not_walked_for_ever() -> None:
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}
    old = {"$defs": {"Node": node}, "$ref": "#/$defs/Node"}
    new = copy.deepcopy(old)
    new["$defs"]["Node"]["properties"]["name"]["type"] = "integer"  # type: ignore[index]

    assert breaking_changes(old, old) == []
    assert breaking_changes(old, new)
