"""The vocabulary of the contracts: field types with their limits, and the record that every model is.

A limit is written here once. The pydantic models use it directly, and shared.contracts.derive turns it into the fast decoder's; so a
validator function may be used in a model only when derive knows that the fast decoder refuses at least as much.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

TENANT_PATTERN = "^[a-z0-9][a-z0-9-]{0,62}$"
TERM_PATTERN = "^[a-z][a-z0-9_]{0,62}$"
CURRENCY_PATTERN = "^[A-Z]{3}$"
COUNTRY_PATTERN = "^[A-Z]{2}$"
EMAIL_PATTERN = "^[^@ ]+@[^@ ]+$"
ZONE_PATTERN = "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
SHA256_PATTERN = "^[0-9a-f]{64}$"

NAME_LENGTH = 256
TEXT_LENGTH = 50_000
VALUE_LENGTH = 2048
EMAIL_LENGTH = 320

PATTERN_TEXTS = {
    TENANT_PATTERN: "must be a tenant's name: 1 to 63 of a-z, 0-9 and -, not starting with -",
    TERM_PATTERN: "must be a term: 1 to 63 of a-z, 0-9 and _, starting with a letter",
    CURRENCY_PATTERN: "must be an ISO 4217 code of three capital letters, for example EUR",
    COUNTRY_PATTERN: "must be an ISO 3166 code of two capital letters, for example DE",
    EMAIL_PATTERN: "must be an e-mail address",
    ZONE_PATTERN: "must be an IANA time zone, for example Europe/Berlin",
    SHA256_PATTERN: "must be 64 lower-case hexadecimal digits",
}
"""What to tell a sender instead of a regular expression."""

EARLIEST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC)
LATEST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)
INSTANT_TEXT = "must be an RFC 3339 instant with its offset, for example 2026-03-01T09:30:00Z or 2026-03-01T10:30:00+01:00"


class BrokenRule(ValueError):
    """A rule between fields does not hold; `field` is the one to correct, the text says how."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


Rule = Callable[[Any], None]
"""Takes a pydantic model or the struct derived from it, reads attributes only, raises BrokenRule."""


class Record(BaseModel):
    """The root of every contract: frozen, strict, nothing unknown, no infinity.

    Rules between fields are functions in `rules`, not validators, because the derived structs run the same functions.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def hold_rules(self) -> Self:
        """Run the rules between fields."""
        for rule in self.rules:
            rule(self)
        return self


def text_only(value: str) -> str:
    """Refuse what PostgreSQL or UTF-8 cannot hold: NUL and halves of surrogate pairs."""
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("not_text", "holds half of a surrogate pair; send both halves or none") from None
    if b"\x00" in encoded:
        raise PydanticCustomError("not_text", "holds a NUL character; leave it out")
    return value


def zoned(value: object) -> object:
    """Read an instant with the same parser as the fast decoder, so that both round alike; a naive one is refused."""
    if isinstance(value, str):
        try:
            return msgspec.convert(value, Annotated[datetime, msgspec.Meta(tz=True)])
        except msgspec.ValidationError:
            raise PydanticCustomError("instant", INSTANT_TEXT) from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError("instant", INSTANT_TEXT)
    return value


def within_range(value: object) -> None:
    """Refuse instants, alone or in a map, outside 1900 to 2199: some reader would fail to convert or to store them."""
    if value is None:
        return  # most of them are; the question whether it is a Mapping is a slow one
    if isinstance(value, datetime):
        if not EARLIEST_INSTANT <= value < LATEST_INSTANT:
            raise ValueError("must lie between the years 1900 and 2199")
    elif isinstance(value, Mapping):
        for part in value.values():
            within_range(part)


def instant(value: object) -> object:
    """A zoned instant within the range that every reader can take."""
    read = zoned(value)
    within_range(read)
    return read


def one_scalar(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """One error for a value that may be text, number or truth, instead of one for each of the three."""
    if isinstance(value, str):
        text_only(value)
    try:
        return handler(value)
    except ValidationError:
        raise PydanticCustomError("scalar", "must be text of at most 2048 characters, a finite number, or true or false") from None


def plain_json(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse in a free JSON object, at any depth, what is refused in typed fields: NUL, surrogates, infinity, depth beyond 64."""
    pending: list[tuple[object, int]] = [(value, 0)]
    while pending:
        part, depth = pending.pop()
        if depth > 64:
            raise PydanticCustomError("too_deep", "is nested more than 64 levels deep")
        if isinstance(part, str):
            text_only(part)
        elif isinstance(part, float) and part - part != 0.0:
            raise PydanticCustomError("finite_number", "holds a number that is not finite")
        elif isinstance(part, Mapping):
            pending.extend((inner, depth + 1) for pair in part.items() for inner in pair)
        elif isinstance(part, Iterable):
            pending.extend((inner, depth + 1) for inner in part)
    return value


Zoned = Annotated[datetime, BeforeValidator(zoned)]
Instant = Annotated[datetime, BeforeValidator(instant)]

Tenant = Annotated[str, Field(pattern=TENANT_PATTERN)]
Id = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), AfterValidator(text_only)]
LongId = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(text_only)]
"""An id of our own making; a sample's holds the name of its series."""
Source = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(text_only)]
Uri = Annotated[str, Field(min_length=1, max_length=VALUE_LENGTH), AfterValidator(text_only)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH), AfterValidator(text_only)]
Term = Annotated[str, Field(pattern=TERM_PATTERN)]
"""A word of a list that may grow: kinds of clocks, dimensions, metrics."""
Text = Annotated[str, Field(min_length=1, max_length=TEXT_LENGTH), AfterValidator(text_only)]
OptionalText = Annotated[str, Field(max_length=TEXT_LENGTH), AfterValidator(text_only)]
"""Free text that a form sends although nothing was typed."""
Language = Annotated[str, Field(min_length=2, max_length=35), AfterValidator(text_only)]
"""A BCP 47 tag: en, de-AT, zh-Hans."""
Zone = Annotated[str, Field(max_length=64, pattern=ZONE_PATTERN)]
Email = Annotated[str, Field(max_length=EMAIL_LENGTH, pattern=EMAIL_PATTERN), AfterValidator(text_only)]
Phone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(text_only)]
Currency = Annotated[str, Field(pattern=CURRENCY_PATTERN)]
Country = Annotated[str, Field(pattern=COUNTRY_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]

Count = Annotated[int, Field(ge=0, le=2**53)]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]
Points = Annotated[float, Field(ge=-1e6, le=1e6)]
"""A score or an end of its scale; sums of them in millionths stay within 64 bits."""
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Money = Annotated[float, Field(ge=-1e12, le=1e12)]
Share = Annotated[float, Field(ge=0, le=1)]

Key = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(text_only)]
Scalar = Annotated[
    Annotated[str, Field(max_length=VALUE_LENGTH), AfterValidator(text_only)] | Annotated[int, Field(ge=-(2**53), le=2**53)] | float | bool,
    WrapValidator(one_scalar),
]
Tags = Annotated[dict[Key, Name], Field(max_length=64)]
Attributes = Annotated[dict[Key, Scalar], Field(max_length=64)]
Labels = Annotated[dict[Key, OptionalText], Field(max_length=64)]
Slice = Annotated[dict[Term, Name], Field(max_length=16)]
Numbers = Annotated[dict[Key, float], Field(max_length=64)]
JsonObject = Annotated[dict[str, Any], AfterValidator(plain_json)]

Channel = Literal["phone", "email", "chat", "sms", "web", "app", "social", "store", "review", "messaging", "mail", "form", "other"]
Severity = Literal["low", "normal", "high", "critical"]


class Origin(Record):
    """The event that something follows from."""

    source: Source
    id: Id


class Versioned(Record):
    """A configured object and the version that was in force."""

    id: Name
    version: Revision
