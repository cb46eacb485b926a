"""What the routes of alerts have in common: who may, page parameters, and refusals of the domain as problems."""

import base64
import binascii
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import Body, Depends, Path, Query

from services.alerts.configuration import ConfigurationConflict
from services.alerts.domain.rule import RuleId, RuleRefused
from shared.database.sqlstates import typed_database_errors
from shared.errors import FieldError
from shared.web.access import Principal, requires
from shared.web.problems import Problem

Reader = Annotated[Principal, Depends(requires("alerts:read"))]
Writer = Annotated[Principal, Depends(requires("alerts:write"))]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before")]
Named = Annotated[RuleId, Path(description="The name")]
Document = Annotated[dict[str, Any], Body()]


@contextmanager
def refusals() -> Iterator[None]:
    """Database errors typed; what the domain refuses is 422 field by field, what does not fit what is there is 409."""
    try:
        with typed_database_errors():
            yield
    except RuleRefused as refused:
        errors = [FieldError(("body", *error.loc), error.msg) for error in refused.errors]
        raise Problem(422, "invalid_request", str(refused), errors=errors) from None
    except ConfigurationConflict as conflict:
        raise Problem(409, conflict.kind, str(conflict)) from None


def named_in(document: dict[str, Any], field: str, name: str) -> dict[str, Any]:
    """The document with the name of the path; a different one in it is refused."""
    if document.get(field, name) != name:
        raise RuleRefused([FieldError((field,), f"must be {name}, as in the path, or be left out")])
    return {**document, field: name}


def cursor_after(at: datetime, id: uuid.UUID) -> str:
    """The cursor that goes on after this row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {id}".encode()).decode()


def position(cursor: str | None) -> tuple[datetime, uuid.UUID] | None:
    """What a cursor says. Raises Problem 422."""
    if cursor is None:
        return None
    try:
        at, id = base64.urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(at), uuid.UUID(id)
    except (ValueError, binascii.Error):
        raise Problem(
            422, "invalid_request", "this is no cursor of ours", errors=[FieldError(("query", "cursor"), "send `next` as it came")]
        ) from None
