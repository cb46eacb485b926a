"""Cases over HTTP: search, one with its story, and opening one by hand or from another system."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.announcing import Doing, announce
from services.closed_loop.conditions import IdempotencyKey, etag
from services.closed_loop.configuration import Calendars, configurations
from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.documents import Body
from services.closed_loop.domain.opening import NewCase, open_case
from services.closed_loop.domain.policy import CaseKind, ClockKind, Traits
from services.closed_loop.searching import ClockState, Position, Search, find, read_cursor, timeline, write_cursor
from services.closed_loop.simulate_api import refused_at
from services.closed_loop.store import CaseKey, add_files, clock_now, key_of, load, write_journal
from services.closed_loop.views import CasePage, CaseView, case_summary, case_view
from shared.contracts.cases import CaseState
from shared.contracts.fields import Channel, Id, Instant, Language, Name, Origin, Severity, Text
from shared.contracts.occurrence import Customer
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.sqlstates import typed_database_errors
from shared.errors import FieldError
from shared.ids import uuid7
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Reader = Annotated[Principal, Depends(requires("cases:read"))]
Writer = Annotated[Principal, Depends(requires("cases:write"))]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Cursor = Annotated[str, Query(max_length=512, description="`next` of the page before")]

BY_HAND = "/closed_loop/cases"
"""The origin's source of a case that comes from no event."""

_EXAMPLE: dict[str, Any] = {
    "text": "The parcel arrived open, for the second time.",
    "channel": "phone",
    "category": "delivery",
    "severity": "high",
    "customer": {"id": "c-1207"},
}


class WantedCase(Body):
    """A case to be opened. With `origin` it is the one case of that event; `received_at` is when the company got it, now if left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    text: Text
    kind: CaseKind = "complaint"
    channel: Channel
    origin: Origin | None = None
    received_at: Instant | None = None
    customer: Annotated[Customer | None, Field(strict=False)] = None
    category: Name | None = None
    severity: Severity = "normal"
    product: Name | None = None
    region: Name | None = None
    language: Language | None = None
    jurisdiction: Name | None = None
    team: Name | None = None
    owner: Name | None = None


def case_routes(sessions: Sessions, calendars: Calendars) -> APIRouter:
    """Routes that read and open cases."""
    router = APIRouter(prefix="/v1/cases", tags=["cases"])

    @router.get("", summary="Cases, the newest first")
    async def list_cases(caller: Reader, search: Annotated[Search, Depends(_search)], limit: Limit = 50, cursor: Cursor = "") -> CasePage:
        after = _after(cursor)
        with typed_database_errors():
            async with sessions.begin() as session:
                found = await find(session, caller.tenant, search, after, limit + 1)
                files = await load(session, calendars, found[:limit], lock=False)
                now = await clock_now(session)
        items = [case_summary(files[key], now) for key in found[:limit]]
        more = len(found) > limit
        return CasePage(items=items, next=write_cursor(Position(items[-1].opened_at, items[-1].id)) if more else None)

    @router.get("/{case_id}", summary="A case with its clocks, its story, and what it needs before it can close")
    async def read_case(caller: Reader, case_id: str, response: Response) -> CaseView:
        with typed_database_errors():
            async with sessions.begin() as session:
                file = await one(session, calendars, CaseKey(caller.tenant, case_id), lock=False)
                view = await present(session, file)
        response.headers["ETag"] = etag(view.version)
        return view

    @router.post("", status_code=201, summary="Open a case by hand or from another system")
    async def create_case(caller: Writer, wanted: WantedCase, response: Response, idempotency_key: IdempotencyKey = None) -> CaseView:
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, "POST /v1/cases", idempotency_key, wanted, await clock_now(session))
                if write.replayed is not None:
                    view = CaseView.model_validate(write.replayed)
                else:
                    view = await _open(session, calendars, caller, wanted)
                    await write.keep(view)
        response.headers["ETag"] = etag(view.version)
        response.headers["Location"] = f"/v1/cases/{view.id}"
        return view

    return router


async def one(session: AsyncSession, calendars: Calendars, key: CaseKey, *, lock: bool = True) -> CaseFile:
    """A case of the caller's tenant. Raises Problem 404."""
    if "\x00" in key.id:
        raise not_found()
    file = (await load(session, calendars, [key], lock=lock)).get(key)
    if file is None:
        raise not_found()
    return file


async def present(session: AsyncSession, file: CaseFile) -> CaseView:
    """A case as the API shows it now."""
    return case_view(file, await timeline(session, key_of(file)), await clock_now(session))


async def _open(session: AsyncSession, calendars: Calendars, caller: Principal, wanted: WantedCase) -> CaseView:
    configuration = (await configurations(session, calendars, [caller.tenant]))[caller.tenant]
    now = await clock_now(session)
    if wanted.received_at is not None and wanted.received_at > now:
        text = "must not lie in the future"
        raise Problem(422, "invalid_request", f"received_at {text}", errors=[FieldError(("body", "received_at"), text)])
    origin = wanted.origin or Origin(source=BY_HAND, id=str(uuid7(now)))
    with refused_at("policy"):
        decision = open_case(_new_case(caller.tenant, origin, wanted, wanted.received_at or now), configuration, now)
    opened = announce(decision, Doing("open", caller.actor, "api", wanted.text, {"origin": origin.model_dump()}), now)
    if not await add_files(session, [opened.file]):
        id = decision.file.case.id
        raise Problem(409, "case_exists", "there is a case of this origin already", more={"reason": {"case": id}})
    await write_journal(session, opened.entries)
    await enqueue(session, opened.records)
    return await present(session, opened.file)


def _new_case(tenant: str, origin: Origin, wanted: WantedCase, received_at: Instant) -> NewCase:
    customer = wanted.customer or Customer()
    traits = Traits(
        kind=wanted.kind,
        channel=wanted.channel,
        severity=wanted.severity,
        category=wanted.category,
        segment=customer.segment,
        tier=customer.tier,
        product=wanted.product,
        region=wanted.region,
        jurisdiction=wanted.jurisdiction,
        language=wanted.language,
    )
    return NewCase(tenant, origin.source, origin.id, traits, received_at, customer=customer.id, team=wanted.team, owner=wanted.owner)


def _search(
    state: Annotated[list[CaseState], Query(max_length=11)] = [],  # noqa: B006 - FastAPI copies it
    open: bool | None = None,
    clock: ClockKind | None = None,
    clock_state: ClockState | None = None,
    due_before: Instant | None = None,
    kind: CaseKind | None = None,
    owner: Name | None = None,
    team: Name | None = None,
    category: Name | None = None,
    severity: Severity | None = None,
    channel: Channel | None = None,
    customer: Id | None = None,
    origin_source: Name | None = None,
    origin_id: Id | None = None,
) -> Search:
    return Search(
        state, open, clock, clock_state, due_before, kind, owner, team, category, severity, channel, customer, origin_source, origin_id
    )


def _after(cursor: str) -> Position | None:
    if not cursor:
        return None
    position = read_cursor(cursor)
    if position is None:
        text = "must be `next` of the page before"
        raise Problem(422, "invalid_request", f"cursor {text}", errors=[FieldError(("query", "cursor"), text)])
    return position
