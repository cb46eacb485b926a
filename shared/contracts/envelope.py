"""The CloudEvents 1.0 envelope: as a client may send it, and as it lies on our topics."""

import re
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, ConfigDict, Field, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from shared.contracts.fields import PATTERN_TEXTS, Count, Id, LongId, Name, Record, Source, Tenant, Uri, Zoned, one_scalar, text_only

D = TypeVar("D")

JSON_MEDIA_PATTERN = "^[A-Za-z0-9.-]+/([A-Za-z0-9.-]+[+])?[Jj][Ss][Oo][Nn]( *;.*)?$"
PATTERN_TEXTS[JSON_MEDIA_PATTERN] = "must be JSON, for example application/json"

CONTENT_TYPE = ("content-type", b"application/cloudevents+json")
"""The Kafka header of a structured CloudEvent, as CloudEvents' Kafka binding wants it on every record."""
MAX_EXTENSIONS = 32
_EXTENSION_NAME = re.compile("[a-z0-9]{1,20}")
RESERVED_ATTRIBUTES = {
    "sequence": "is set by Hearback's own services; send it under another name",
    "data_base64": "is not taken: send JSON in data",
}
"""Attributes that would be extensions but are refused, with what to do instead."""

Extension = Annotated[
    Annotated[str, Field(max_length=2048), AfterValidator(text_only)] | Annotated[int, Field(ge=-(2**31), le=2**31 - 1)] | bool,
    WrapValidator(one_scalar),
]


class Attributed(Record):
    """An envelope with extension attributes: names of CloudEvents, values text, 32-bit integer or truth."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Extension | None]

    @property
    def extensions(self) -> dict[str, str | int | bool]:
        """The extension attributes that are set; CloudEvents lets a sender write null for one that is not."""
        return {name: value for name, value in self.__pydantic_extra__.items() if value is not None}


class Submission(Attributed, Generic[D]):
    """An event as a client may send it: a structured CloudEvent, or the shorthand without `specversion`.

    `receivedat` of a client is taken and replaced by ours; `tenant` may only be the key's own, which ingest checks.
    """

    specversion: Literal["1.0"] | None = None
    id: Id | None = None
    source: Source | None = None
    type: Name
    time: Zoned
    subject: Name | None = None
    tenant: Tenant | None = None
    receivedat: Zoned | None = None
    dataschema: Uri | None = None
    datacontenttype: Annotated[str, Field(max_length=256, pattern=JSON_MEDIA_PATTERN), AfterValidator(text_only)] | None = None
    backfill: bool = False
    data: D

    @model_validator(mode="after")
    def name_extensions(self) -> Self:
        """Refuse names that no extension attribute may have; only the derived structs, which know none, need not run this."""
        if len(self.__pydantic_extra__) > MAX_EXTENSIONS:
            raise PydanticCustomError("extensions", f"has more than {MAX_EXTENSIONS} extension attributes")
        for name in self.__pydantic_extra__:
            if name in RESERVED_ATTRIBUTES:
                raise PydanticCustomError("attribute", RESERVED_ATTRIBUTES[name], {"field": name})
            if not _EXTENSION_NAME.fullmatch(name):
                text = "is no attribute of an event: an extension's name has 1 to 20 of a-z and 0-9; everything else belongs into data"
                raise PydanticCustomError("attribute", text, {"field": name})
        return self


class Envelope(Attributed, Generic[D]):
    """An event as it lies on our topics. `time` is when it happened, `receivedat` when we took it.

    `sequence` is +1 per key, set by our own services; records that carry a state are ordered by it.
    """

    specversion: Literal["1.0"]
    id: LongId
    source: Source
    type: Name
    time: Zoned
    tenant: Tenant
    receivedat: Zoned
    subject: Name | None = None
    dataschema: Uri | None = None
    backfill: bool = False
    sequence: Count | None = None
    data: D
