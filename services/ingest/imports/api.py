"""Imports over HTTP. History needs `ingest:backfill`; an import that acts (`act=true`) needs `ingest:write`."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from services.ingest.imports import multipart, neutral, store
from services.ingest.imports.forms import BODY, ImportPage, ImportView, NewImport, Wanted, view_of, with_fields
from services.ingest.imports.store import Import
from services.ingest.imports.uploading import receiving
from shared.clock import Clock
from shared.contracts.access import Scope
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.ids import uuid7
from shared.web.access import Principal, authenticated, check_scope
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

PATH = "/v1/imports"
BACKFILL: Scope = "ingest:backfill"
WRITE: Scope = "ingest:write"
DESCRIPTION = """\
Send the file itself as the body, or as the field `file` of a form: CSV (any delimiter, UTF-8, UTF-16, GB 18030, Windows-1252), XLSX,
or NDJSON. What else is said about it stands in the query, or in other fields of the form. It is checked in the background:
`GET /v1/imports/{id}` then shows its columns, the guessed mapping, its first rows as events, and what has to be decided.
Nothing is sent before `POST /v1/imports/{id}/start` (or with `start=true`, when there is nothing to decide).

The same file again changes nothing: a row is known by the file (or by `name`) and its id or its content. With an `Idempotency-Key` a
repeated request is answered with the import of the first.
"""

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=256)]


async def importer(request: Request) -> Principal:
    """A FastAPI dependency: the caller, who may import something. Which of the two scopes an import needs is checked with it."""
    caller = await authenticated(request)
    if not caller.scopes & {BACKFILL, WRITE}:
        raise Problem(403, "forbidden", f"this needs a key with the scope {BACKFILL} or {WRITE}")
    return caller


Caller = Annotated[Principal, Depends(importer)]


def import_routes(sessions: Sessions, clock: Clock, max_bytes: int) -> APIRouter:
    """The routes of imports."""
    router = APIRouter(prefix=PATH, tags=["imports"])

    @router.post("", status_code=201, summary="Import a file", description=DESCRIPTION, openapi_extra=BODY)
    async def create_import(
        request: Request, caller: Caller, wanted: Annotated[NewImport, Query()], idempotency_key: IdempotencyKey = None
    ) -> ImportView:
        id, fields = str(uuid7(clock())), dict[str, str]()
        body: AsyncIterator[bytes] = request.stream()
        if (boundary := multipart.boundary_of(request.headers.get("content-type", ""))) is not None:
            body = multipart.file_of(body, boundary, fields)
        else:
            _check_may(caller, wanted.act)
        with typed_database_errors():
            async with receiving(sessions, clock, caller.tenant, id, body, max_bytes) as file:
                sent = with_fields(wanted, fields, file.digest)
                _check_may(caller, sent.act)
                async with sessions.begin() as session:
                    write = await once(session, caller, f"POST {PATH}", idempotency_key, sent, clock())
                    if write.replayed is not None:
                        return ImportView.model_validate(write.replayed)
                    made = await store.uploaded(
                        session, caller.tenant, id, actor=caller.actor, now=clock(), **sent.columns(), **file._asdict()
                    )
                    answer = view_of(made)
                    await write.keep(answer)
        return answer

    @router.get("", summary="List imports, the newest first")
    async def list_imports(caller: Caller, limit: Limit = 100, cursor: Cursor = None) -> ImportPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await store.newest(session, caller.tenant, before=cursor, limit=limit + 1)
        items = [view_of(one).model_copy(update={"preview": None}) for one in found[:limit]]
        return ImportPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.get("/{import_id}", summary="An import: what it would send, how far it is, what became of its rows")
    async def show_import(caller: Caller, import_id: str) -> ImportView:
        with typed_database_errors():
            async with sessions() as session:
                return view_of(_found(await store.find(session, caller.tenant, import_id)))

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
        return view_of(changed)

    @router.post("/{import_id}/start", summary="Start an import as its preview shows it")
    async def start_import(caller: Caller, import_id: str) -> ImportView:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                one = _allowed(caller, await store.find(session, caller.tenant, import_id, lock=True))
                if one.state in ("running", "done"):
                    return view_of(one)
                if one.state != "waiting":
                    raise _conflict(one, "only one that waits to be started can be")
                if problems := (one.preview or {}).get("problems"):
                    raise _conflict(one, f"settle this first, with PUT {PATH}/{import_id}: {'; '.join(problems)}")
                changed = await store.change(session, one, "start", caller.actor, now, state="running", started_at=now)
                await store.wake(session)
        return view_of(changed)

    @router.post("/{import_id}/cancel", summary="Cancel an import; what has been sent stays")
    async def cancel_import(caller: Caller, import_id: str) -> ImportView:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                one = _allowed(caller, await store.find(session, caller.tenant, import_id, lock=True))
                if one.state in ("done", "failed", "cancelled"):
                    return view_of(one)
                ended = {"state": "cancelled", "ended_at": now, "preview": None} if one.state == "waiting" else {"cancelling": True}
                changed = await store.change(session, one, "cancel", caller.actor, now, **ended)
                if one.state == "waiting":
                    await store.drop_file(session, one)
                await store.wake(session)
        return view_of(changed)

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


def _check_may(caller: Principal, act: bool) -> None:
    """Whoever imports what acts needs another scope than for history."""
    check_scope(caller, WRITE if act else BACKFILL)


def _found(one: Import | None) -> Import:
    if one is None:
        raise not_found()
    return one


def _allowed(caller: Principal, found: Import | None) -> Import:
    """An import that the caller may change."""
    one = _found(found)
    _check_may(caller, one.act)
    return one


def _conflict(one: Import, detail: str) -> Problem:
    return Problem(409, "import_not_ready", f"this import is {one.state}: {detail}")
