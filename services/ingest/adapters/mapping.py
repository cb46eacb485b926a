"""What a person writes to say how a body of any design becomes events: paths into it, constants, words with their points.

All of it is checked when the endpoint is made: types and fields of contracts.md exist, paths can be read and cost little, ids differ.
"""

import types
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from services.ingest.adapters.adapter import Form
from services.ingest.adapters.jsonpaths import Path
from services.ingest.adapters.questions import Question
from shared.contracts.registry import EVENT_TYPES

Constant = Annotated[str, Field(max_length=2048)] | bool | int | float
Word = Annotated[str, Field(max_length=256)]

TYPES = tuple(name.removesuffix(".v1") for name, kind in EVENT_TYPES.items() if kind.from_clients)
_BY_OTHER_MEANS = ("answers", "revision", "scores")
FREE = ("tags", "attributes", "consents")


class Source(Form):
    """Where a value comes from: a path, whose words may be translated, or a constant."""

    path: Path | None = None
    value: Annotated[Constant | None, Field(description="A constant, in the place of a path")] = None
    words: Annotated[dict[Word, Constant], Field(max_length=200, description="What a text found there stands for")] = Field(
        default_factory=dict
    )
    otherwise: Annotated[Constant | None, Field(description="What stands for a text that is none of the words")] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Source":
        if (self.path is None) is (self.value is None):
            raise ValueError("write a path or a value")
        return self


class Asked(Question):
    """One question and where its answer stands."""

    question: Annotated[str, Field(min_length=1, max_length=256)]
    path: Path

    @model_validator(mode="after")
    def _on_its_scale(self) -> "Asked":
        if self.instrument in ("csat", "ces", "likert") and (self.scale_min is None or self.scale_max is None):
            raise ValueError(f"question {self.question} needs scale_min and scale_max")
        return self


class EventMapping(Form):
    """One event that a body becomes. Paths are those of an item where `items` says that there are several, of the body otherwise."""

    type: Annotated[str, Field(description=f"One of {', '.join(TYPES)}")]
    items: Annotated[Path | None, Field(description="Where the items of a batch stand, each of which becomes an event")] = None
    only_if: Annotated[
        dict[Path, tuple[Word, ...]], Field(max_length=16, description="What has to stand at these paths, in capitals or not")
    ] = Field(default_factory=dict)
    id: Annotated[
        tuple[Path, ...],
        Field(min_length=1, max_length=4, description="What makes up the id: the same whenever the same thing is sent, never a time"),
    ]
    id_suffix: Annotated[str, Field(max_length=64, description="Tells events that come of the same body apart")] = ""
    time: Annotated[Path | None, Field(description="When it happened; when it arrived where nothing stands there")] = None
    time_written: Literal["iso", "seconds", "milliseconds", "microseconds", "mail"] = "iso"
    revision: Annotated[
        Path | Literal["signed_at"] | None,
        Field(description="What grows with each version: a count, or a time as time_written; signed_at is the signature's timestamp"),
    ] = None
    fields: Annotated[
        dict[Word, Path | Source],
        Field(max_length=100, description="Fields of the event, dotted: text, channel, customer.email, tags.queue"),
    ]
    answers: Annotated[tuple[Asked, ...], Field(max_length=200)] = ()

    @field_validator("type")
    @classmethod
    def _known(cls, name: str) -> str:
        short = name.removesuffix(".v1")
        if short not in TYPES:
            raise ValueError(f"must be one of {', '.join(TYPES)}")
        return short

    @model_validator(mode="after")
    def _fits_its_type(self) -> "EventMapping":
        known = targets(self.type)
        for field in self.fields:
            if field not in known and not any(known.fits_below(free, field) for free in known.free):
                raise ValueError(f"{self.type} has no field {field}; it has {', '.join(sorted(known))}")
        missing = {name for name in known.required if name not in self.fields} - ({"answers"} if self.answers else set())
        if missing:
            raise ValueError(f"{self.type} needs {', '.join(sorted(missing))}")
        if self.answers and "answers" not in known.required:
            raise ValueError(f"{self.type} has no answers; feedback.survey_answered has")
        if len({asked.question for asked in self.answers}) < len(self.answers):
            raise ValueError("every question needs a name of its own")
        return self


class Targets(dict[str, FieldInfo]):
    """The fields of a type that a mapping may fill, dotted; those that it must; and those under which any name may stand."""

    required: frozenset[str]
    free: frozenset[str]

    def fits_below(self, free: str, field: str) -> bool:
        """Whether the field is a name of the sender's own below that one."""
        return field.startswith(f"{free}.") and 1 <= len(field) - len(free) - 1 <= 64


@cache
def targets(event: str) -> Targets:
    """The fields of a type of event."""
    model = EVENT_TYPES[f"{event}.v1"].data
    found = Targets(_fields(model, ""))
    found.free = frozenset(name for name in found if name.rpartition(".")[2] in FREE)
    for name in found.free:
        del found[name]
    found.required = frozenset(name for name, field in model.model_fields.items() if field.is_required())
    return found


def _fields(model: type[BaseModel], before: str) -> Mapping[str, FieldInfo]:
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        inner = bare(field.annotation)
        if name in _BY_OTHER_MEANS:
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= _fields(inner, f"{before}{name}.")
        else:
            found[before + name] = field
    return found


def bare(annotation: Any) -> Any:
    """The type inside Annotated and beside None: str, int, float, bool, datetime, a Literal, a model."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [bare(part) for part in get_args(annotation) if part is not types.NoneType]
        return datetime if datetime in inner else inner[0]
    return annotation
