"""Imports over HTTP. History needs `ingest:backfill`; an import that acts (`act=true`) needs `ingest:write`."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.imports import neutral, store
from services.ingest.imports.checking import Preview
from services.ingest.imports.delimited import Dialect
from services.ingest.imports.encoding import Encoding
from services.ingest.imports.mapping import Mapping
from services.ingest.imports.reading import Format, Options
from services.ingest.imports.store import Import, State
from services.ingest.imports.uploading import upload
from shared.clock import Clock
from shared.contracts.access import Scope
from shared.contracts.fields import Name
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.ids import uuid7
from shared.web.access import Principal, authenticated, check_scope
from shared.web.problems import Problem, not_found

PATH = "/v1/imports"
BACKFILL: Scope = "ingest:backfill"
WRITE: Scope = "ingest:write"
DESCRIPTION = """\
Send the file itself as the body: CSV (any delimiter, UTF-8, UTF-16, GB 18030, Windows-1252), XLSX, or NDJSON. It is checked in the
background: `GET /v1/imports/{id}` then shows its columns, the guessed mapping, its first rows as events, and what has to be decided.
Nothing is sent before `POST /v1/imports/{id}/start` (or with `start=true`, when there is nothing to decide).

The same file again changes nothing: a row is known by the file (or by `name`) and its id or its content.
"""

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before")]


async def importer(request: Request) -> Principal:
    """A FastAPI dependency: the caller, who may import something. Which of the two scopes an import needs is checked with it."""
    caller = await authenticated(request)
    if not caller.scopes & {BACKFILL, WRITE}:
        raise Problem(403, "forbidden", f"this needs a key with the scope {BACKFILL} or {WRITE}")
    return caller


Caller = Annotated[Principal, Depends(importer)]
FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
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


def import_routes(sessions: Sessions, clock: Clock, max_bytes: int) -> APIRouter:
    """The routes of imports."""
    router = APIRouter(prefix=PATH, tags=["imports"])
    body = {"requestBody": {"required": True, "content": dict.fromkeys(MEDIA_TYPES, FILE)}}

    @router.post("", status_code=201, summary="Import a file", description=DESCRIPTION, openapi_extra=body)
    async def create_import(request: Request, caller: Caller, wanted: Annotated[NewImport, Query()]) -> ImportView:
        check_scope(caller, WRITE if wanted.act else BACKFILL)
        options = wanted.model_dump(include=set(Options.model_fields), mode="json")
        row = {"tenant": caller.tenant, "id": str(uuid7(clock())), "file_name": wanted.file_name, "name": wanted.name, "act": wanted.act,
               "start_at_once": wanted.start, "options": options}  # fmt: skip
        with typed_database_errors():
            return _view(await upload(sessions, clock, row, request.stream(), actor=caller.actor, max_bytes=max_bytes))

    @router.get("", summary="List imports, the newest first")
    async def list_imports(caller: Caller, limit: Limit = 100, cursor: Cursor = None) -> ImportPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await store.newest(session, caller.tenant, before=cursor, limit=limit + 1)
        items = [_view(one).model_copy(update={"preview": None}) for one in found[:limit]]
        return ImportPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.get("/{import_id}", summary="An import: what it would send, how far it is, what became of its rows")
    async def show_import(caller: Caller, import_id: str) -> ImportView:
        with typed_database_errors():
            async with sessions() as session:
                return _view(_found(await store.find(session, caller.tenant, import_id)))

    @router.put("/{import_id}", summary="Say how the file is to be read, before it is started")
    async def change_import(caller: Caller, import_id: str, wanted: Wanted) -> ImportView:
        mapping = None if wanted.mapping is None else wanted.mapping.model_dump(mode="json", exclude_defaults=True)
        with typed_database_errors():
            async with sessions.begin() as session:
                one = _allowed(caller, await store.find(session, caller.tenant, import_id, lock=True))
                if one.state not in ("waiting", "failed") or one.started_at is not None:
                    raise _conflict(one, "only a file that waits to be started, or could not be read, can be read in another way")
                changed = await store.change(session, one, "change", caller.actor, clock(), state="checking", mapping=mapping, preview=None,
                                             options=wanted.options.model_dump(mode="json"), detail=None, ended_at=None)  # fmt: skip
                await store.wake(session)
        return _view(changed)

    @router.post("/{import_id}/start", summary="Start an import as its preview shows it")
    async def start_import(caller: Caller, import_id: str) -> ImportView:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                one = _allowed(caller, await store.find(session, caller.tenant, import_id, lock=True))
                if one.state in ("running", "done"):
                    return _view(one)
                if one.state != "waiting":
                    raise _conflict(one, "only one that waits to be started can be")
                if problems := (one.preview or {}).get("problems"):
                    raise _conflict(one, f"settle this first, with PUT {PATH}/{import_id}: {'; '.join(problems)}")
                changed = await store.change(session, one, "start", caller.actor, now, state="running", started_at=now)
                await store.wake(session)
        return _view(changed)

    @router.post("/{import_id}/cancel", summary="Cancel an import; what has been sent stays")
    async def cancel_import(caller: Caller, import_id: str) -> ImportView:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                one = _allowed(caller, await store.find(session, caller.tenant, import_id, lock=True))
                if one.state in ("done", "failed", "cancelled"):
                    return _view(one)
                ended = {"state": "cancelled", "ended_at": now, "preview": None} if one.state == "waiting" else {"cancelling": True}
                changed = await store.change(session, one, "cancel", caller.actor, now, **ended)
                if one.state == "waiting":
                    await store.drop_file(session, one)
                await store.wake(session)
        return _view(changed)

    @router.get("/{import_id}/refused", summary="The refused rows as CSV, each with its reason", response_class=StreamingResponse)
    async def refused_rows(caller: Caller, import_id: str) -> StreamingResponse:
        with typed_database_errors():
            async with sessions() as session:
                one = _found(await store.find(session, caller.tenant, import_id))
        headers = {"Content-Disposition": f'attachment; filename="refused-{one.id}.csv"'}
        return StreamingResponse(_refused(sessions, one), media_type="text/csv; charset=utf-8", headers=headers)

    return router


async def _refused(sessions: Sessions, one: Import) -> AsyncIterator[bytes]:
    form = one.form or {}
    yield neutral.header(["row"] if form.get("format") == "ndjson" else form.get("columns", []))
    after = 0
    while True:
        async with sessions() as session:
            rows = await store.refused_rows(session, one, after)
        if not rows:
            return
        after = rows[-1].position
        yield neutral.lines(rows)


def _found(one: Import | None) -> Import:
    if one is None:
        raise not_found()
    return one


def _allowed(caller: Principal, found: Import | None) -> Import:
    """An import that the caller may change: one that acts needs another scope than history."""
    one = _found(found)
    check_scope(caller, WRITE if one.act else BACKFILL)
    return one


def _conflict(one: Import, detail: str) -> Problem:
    return Problem(409, "import_not_ready", f"this import is {one.state}: {detail}")


def _view(one: Import) -> ImportView:
    left = one.read * (1 / one.share - 1) / one.rows_per_second if one.state == "running" and one.share and one.rows_per_second else None
    named = {name: getattr(one, name) for name in ImportView.model_fields if hasattr(one, name)}
    return ImportView.model_validate({**named, "file": one.form, "eta_seconds": None if left is None else round(left, 1)})
