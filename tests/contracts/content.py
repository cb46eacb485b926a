"""Plain content of a pydantic model or of a derived struct, for comparing one with the other."""

from typing import Any

import msgspec
from pydantic import BaseModel


def content(value: Any) -> Any:
    """Nested dicts and lists of attribute values; numbers keep their type, because 1 and 1.0 are equal in Python."""
    if isinstance(value, BaseModel):
        return {name: content(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag_field
        return {name: content(getattr(value, name)) for name in ([tag] if tag else []) + [*value.__struct_fields__]}
    if isinstance(value, dict):
        return {key: content(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [content(inner) for inner in value]
    return (type(value).__name__, value)
