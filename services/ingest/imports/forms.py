"""What the routes of imports take and answer."""

from collections.abc import Mapping as MappingOf
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.ingest.imports import multipart
from services.ingest.imports.checking import Preview
from services.ingest.imports.delimited import Dialect
from services.ingest.imports.encoding import Encoding
from services.ingest.imports.mapping import Mapping
from services.ingest.imports.reading import Format, Options
from services.ingest.imports.store import Import, State
from shared.contracts.fields import Name
from shared.errors import FieldError
from shared.web.problems import Problem

MEDIA_TYPES = (
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/x-ndjson",
    "application/octet-stream",
)


class Recognised(BaseModel):
    """What the file turned out to be."""

    format: Format
    encoding: Encoding | None
    dialect: Dialect | None
    sheet: str | None
    sheets: list[str]
    header_row: int


class ImportView(BaseModel):
    """An import. `read` = `accepted` + `duplicate` + `refused`, at any time; `eta_seconds` is an estimate by what has been read so far.

    States: checking → waiting (to be started) → running → done; or failed (`detail` says why), or cancelled. `waiting_for` names what
    does not answer: the import goes on by itself when it does.
    """

    id: str
    state: State
    file_name: str
    name: str | None
    act: bool
    size_bytes: int
    file: Recognised | None
    options: Options
    mapping: Mapping | None
    preview: Preview | None
    read: int
    accepted: int
    duplicate: int
    refused: int
    share: float
    rows_per_second: float
    eta_seconds: float | None
    waiting_for: str | None
    detail: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class ImportPage(BaseModel):
    """One page of imports, without their previews."""

    items: list[ImportView]
    next: str | None


class Wanted(BaseModel):
    """How a file is to be read; without a mapping one is guessed anew."""

    model_config = ConfigDict(extra="forbid")

    options: Options = Field(default_factory=Options)
    mapping: Mapping | None = None


class NewImport(Options):
    """What can be said with a new file."""

    file_name: Annotated[Name, Field(description="As it is shown to people")] = "file"
    name: Annotated[
        str | None, Field(min_length=1, max_length=128, description="The system that the file is from: rows of its files are known by it")
    ] = None
    act: Annotated[bool, Field(description="Not history: cases are worked on, people are told")] = False
    start: Annotated[bool, Field(description="Start without asking, when the check finds nothing to decide")] = False


class SentImport(NewImport):
    """The same with the file itself: by this a repeated request is known."""

    digest: str

    def columns(self) -> dict[str, Any]:
        """What of it is stored."""
        options = self.model_dump(include=set(Options.model_fields), mode="json")
        return {"file_name": self.file_name, "name": self.name, "act": self.act, "start_at_once": self.start, "options": options}


def _body() -> dict[str, Any]:
    """The request body of a new import, as OpenAPI has it: the file itself, or a form."""
    file = {"type": "string", "format": "binary"}
    fields = {multipart.FILE: file, **NewImport.model_json_schema()["properties"]}
    form = {"type": "object", "required": [multipart.FILE], "properties": fields}
    content = {**{name: {"schema": file} for name in MEDIA_TYPES}, multipart.MEDIA_TYPE: {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


BODY = _body()


def with_fields(wanted: NewImport, fields: MappingOf[str, str], digest: str) -> SentImport:
    """What the query says of a file, and the fields of a form over it; a field that was left blank says nothing. Raises Problem 422."""
    said = {**wanted.model_dump(exclude_unset=True), **{name: value for name, value in fields.items() if value}}
    try:
        return SentImport.model_validate({**said, "digest": digest})
    except ValidationError as wrong:
        errors = [FieldError(("body", *error["loc"]), error["msg"]) for error in wrong.errors()]
        raise Problem(422, "invalid_request", "the form is not as the API takes it; see errors", errors=errors) from None


def view_of(one: Import) -> ImportView:
    """An import as it is shown."""
    left = one.read * (1 / one.share - 1) / one.rows_per_second if one.state == "running" and one.share and one.rows_per_second else None
    named = {name: getattr(one, name) for name in ImportView.model_fields if hasattr(one, name)}
    return ImportView.model_validate({**named, "file": one.form, "eta_seconds": None if left is None else round(left, 1)})
