"""What is told about an event that cannot be taken: pydantic's findings as texts that say what to do, never with the value sent."""

from typing import Any

from pydantic import ValidationError

from shared.contracts.fields import PATTERN_TEXTS, BrokenRule
from shared.errors import FieldError, InvalidEvent

MAX_ERRORS = 20
MAX_NAME = 100
"""A sender chose the names of unknown fields, and their length."""

_TEXTS = {
    "missing": "is required",
    "extra_forbidden": "is no field of this type; leave it out, or put it into tags or customer.attributes",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "finite_number": "must be a finite number",
    "string_too_short": "must have at least {min_length} characters; leave the field out when there is nothing to say",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of: {expected}",
    "json_invalid": "is not readable as JSON",
}


def refusal(refused: ValidationError) -> InvalidEvent:
    """The InvalidEvent of what pydantic found: `not_text`, `invalid_data` when all of it lies in data, else `invalid_envelope`."""
    found = refused.errors(include_input=False, include_url=False)
    inner = {error["loc"][:depth] for error in found for depth in range(len(error["loc"]))}
    # a list is also called too short when its entries were refused one by one
    found = [error for error in found if not (error["type"] == "too_short" and error["loc"] in inner)]
    errors = [_field_error(error) for error in found[:MAX_ERRORS]]
    if any(error["type"] == "not_text" for error in found):
        return InvalidEvent("not_text", errors)
    in_data = all(error.loc[:1] == ("data",) for error in errors)
    return InvalidEvent("invalid_data" if in_data else "invalid_envelope", errors)


def _field_error(error: Any) -> FieldError:
    context = error.get("ctx", {})
    location = tuple(part[:MAX_NAME] if isinstance(part, str) else part for part in error["loc"] if part != "[key]")
    broken = context.get("error")
    if isinstance(broken, BrokenRule):
        return FieldError((*location, broken.field), str(broken))
    if isinstance(broken, ValueError):
        return FieldError(location, str(broken))
    if error["type"] == "attribute":
        return FieldError((*location, context["field"][:MAX_NAME]), error["msg"])
    if error["type"] == "string_pattern_mismatch":
        return FieldError(location, PATTERN_TEXTS[context["pattern"]])
    template = _TEXTS.get(error["type"])
    return FieldError(location, error["msg"] if template is None else template.format(**context))
