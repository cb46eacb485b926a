"""Fast msgspec structs made from the pydantic models, so that a contract is written once.

A derived struct may refuse more than its model, never less: what it refuses, pydantic judges again. Whatever cannot be said in msgspec
therefore becomes a field that the fast decoder takes only when it is absent or null.
"""

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import annotated_types
import msgspec
from pydantic import AfterValidator, BeforeValidator, WrapValidator
from pydantic.fields import FieldInfo

from shared.contracts.fields import Record, Rule, instant, one_scalar, plain_json, text_only, within_range, zoned

CHECKED_AFTER_DECODING: dict[Callable[..., Any], Callable[[Any], Any]] = {instant: within_range, plain_json: plain_json}
"""Validators of fields that the structs run too, and what is run for each."""

COVERED_VALIDATORS = frozenset({text_only, zoned, one_scalar, *CHECKED_AFTER_DECODING})
"""What the fast side takes account of. text_only: decoding.py sends any NUL to pydantic, and msgspec refuses half surrogates. zoned: is
msgspec's own parser. one_scalar: only words an error."""

COVERED_MODEL_VALIDATORS = frozenset({"hold_rules", "name_extensions"})
"""The rules run in `__post_init__`; extension attributes do not exist in structs that forbid unknown fields."""

_PLAIN = (str, int, float, bool, types.NoneType, Any)


class Inexpressible(TypeError):
    """msgspec has no type that takes the same values."""


class Family:
    """Structs of many models that treat unknown fields alike: refused at the edge, tolerated by readers."""

    def __init__(self, *, forbid_unknown_fields: bool) -> None:
        self._options: dict[str, Any] = {
            "frozen": True,
            "kw_only": True,
            "omit_defaults": True,
            "forbid_unknown_fields": forbid_unknown_fields,
            "gc": False,  # trees of values: no struct can be part of a cycle
        }
        self._structs: dict[type[Record], type[msgspec.Struct]] = {}

    def struct(self, model: type[Record]) -> type[msgspec.Struct]:
        """The struct of one model; a field of a type variable (the envelopes' `data`) stays undecoded bytes, msgspec.Raw."""
        if model not in self._structs:
            self._structs[model] = self._made(model, model.model_fields, model.rules)
        return self._structs[model]

    def part(self, model: type[Record], fields: Collection[str]) -> type[msgspec.Struct]:
        """A struct of only those of these fields that the model has, without the rules between its fields."""
        return self._made(model, {name: field for name, field in model.model_fields.items() if name in fields}, ())

    def _made(self, model: type[Record], fields: Mapping[str, FieldInfo], rules: Sequence[Rule]) -> type[msgspec.Struct]:
        _refuse_unknown_validators(model)
        return msgspec.defstruct(
            model.__name__,
            [self._field(name, field) for name, field in fields.items()],
            namespace=_after_decoding(fields, rules),
            module=__name__,
            **self._options,
        )

    def kinds(self, envelope: type[Record], tag: str, held: Mapping[str, type[msgspec.Struct]]) -> dict[str, type[msgspec.Struct]]:
        """Structs of an envelope whose field `tag` says which of `held` its type variable is; a decoder of their union reads all in one go.

        As an attribute the tag is of the class.
        """
        fields = {name: field for name, field in envelope.model_fields.items() if name != tag}
        of_envelope = [self._field(name, field) for name, field in fields.items()]
        return {
            kind: msgspec.defstruct(
                envelope.__name__,
                [(name, struct if type is msgspec.Raw else type, *default) for name, type, *default in of_envelope],
                namespace={tag: kind, **_after_decoding(fields, envelope.rules)},
                module=__name__,
                tag_field=tag,
                tag=kind,
                **self._options,
            )
            for kind, struct in held.items()
        }

    def convert(self, value: Any) -> Any:
        """The struct with the content of a pydantic instance, for what only pydantic could read."""
        if isinstance(value, Record):
            model = type(value)
            return self.struct(model)(**{name: self.convert(getattr(value, name)) for name in model.model_fields})
        return tuple(map(self.convert, value)) if isinstance(value, tuple) else value

    def _field(self, name: str, field: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
        try:
            kind = self._type(field.annotation, field.metadata)
        except Inexpressible:
            if field.is_required():
                raise
            kind = None
        if field.is_required():
            return name, kind
        if field.default_factory is not None:
            return name, kind, msgspec.field(default_factory=field.default_factory)  # type: ignore[arg-type]
        return name, kind, field.default

    def _type(self, annotation: Any, metadata: list[Any]) -> Any:
        """The msgspec type of a field type with its constraints."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._type(arguments[0], [*arguments[1:], *metadata])
        constraints = _constraints(metadata)
        if origin in (Union, types.UnionType):
            if constraints:
                raise Inexpressible(f"constraints beside the members of {annotation}")
            return Union[tuple(self._type(member, []) for member in arguments)]  # noqa: UP007 - the members are known only now
        if isinstance(annotation, TypeVar):
            return msgspec.Raw
        if isinstance(annotation, type) and issubclass(annotation, Record):
            return self.struct(annotation)
        if annotation is datetime:
            return Annotated[datetime, msgspec.Meta(tz=True)]
        if origin is Literal or annotation in _PLAIN:
            kind = annotation
        elif origin is dict:
            kind = dict[self._type(arguments[0], []), self._type(arguments[1], [])]  # type: ignore[misc]
        elif origin is tuple and arguments[1:] == (...,):
            kind = tuple[self._type(arguments[0], []), ...]  # type: ignore[misc]
        else:
            raise Inexpressible(str(annotation))
        return Annotated[kind, msgspec.Meta(**constraints)] if constraints else kind


def _constraints(metadata: list[Any]) -> dict[str, Any]:
    """The msgspec constraints that say what pydantic's metadata say."""
    found: dict[str, Any] = {}
    for part in metadata:
        match part:
            case FieldInfo():
                found |= _constraints(part.metadata)
            case AfterValidator() | BeforeValidator() | WrapValidator():
                if part.func not in COVERED_VALIDATORS:
                    raise Inexpressible(str(part))
            case annotated_types.Ge():
                found["ge"] = part.ge
            case annotated_types.Le():
                found["le"] = part.le
            case annotated_types.MinLen():
                found["min_length"] = part.min_length
            case annotated_types.MaxLen():
                found["max_length"] = part.max_length
            case _ if isinstance(pattern := getattr(part, "pattern", None), str):
                # Python's $ also matches before a last line feed, pydantic's does not
                found["pattern"] = pattern.removesuffix("$") + r"\Z"
            case _:
                raise Inexpressible(str(part))
    return found


def _refuse_unknown_validators(model: type[Record]) -> None:
    decorators = model.__pydantic_decorators__
    unknown = {*decorators.model_validators, *decorators.field_validators, *decorators.validators} - COVERED_MODEL_VALIDATORS
    if unknown:
        raise Inexpressible(f"{model.__name__} has validators that the fast decoder would not run: {sorted(unknown)}; write them as rules")


def _after_decoding(fields: Mapping[str, FieldInfo], rules: Sequence[Rule]) -> dict[str, Callable[[Any], None]]:
    """`__post_init__`, where there is something that only code can check."""
    checks = [
        _check_of(name, check)
        for name, field in fields.items()
        for validator, check in CHECKED_AFTER_DECODING.items()
        if _holds(validator, [field.annotation, *field.metadata])
    ]
    steps = [*rules, *checks]
    if not steps:
        return {}

    def hold(struct: Any) -> None:
        for step in steps:
            step(struct)

    return {"__post_init__": steps[0] if len(steps) == 1 else hold}


def _check_of(name: str, check: Callable[[Any], Any]) -> Rule:
    return lambda struct: check(getattr(struct, name))


def _holds(validator: Callable[..., Any], parts: list[Any]) -> bool:
    """Whether a field's type names this validator, at any depth."""
    return any(getattr(part, "func", None) is validator or _holds(validator, [*get_args(part)]) for part in parts)
