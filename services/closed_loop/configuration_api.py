"""Policies and calendars over HTTP. Every PUT is a new version; clocks name the version that they run under."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.conditions import IdempotencyKey, IfMatch, check_version, etag
from services.closed_loop.configuration import (
    Calendars,
    SavedCalendar,
    configurations,
    lock_configuration,
    save_calendar,
    save_policies,
    saved_calendars,
)
from services.closed_loop.domain.documents import CalendarBody
from services.closed_loop.domain.opening import Configuration
from services.closed_loop.domain.policy import PolicySet
from services.closed_loop.simulate_api import refused_at
from services.closed_loop.store import clock_now
from shared.contracts.fields import Name
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.errors import FieldError
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Reader = Annotated[Principal, Depends(requires("cases:read"))]
Admin = Annotated[Principal, Depends(requires("admin"))]
CalendarId = Annotated[Name, Path()]


class PoliciesView(PolicySet):
    """The policies that hold now. Version 1 is built in."""

    version: int


class CalendarView(CalendarBody):
    """A calendar as it holds now."""

    id: str
    version: int
    created_at: datetime | None


class CalendarPage(BaseModel):
    """All calendars of the tenant."""

    items: list[CalendarView]
    next: None = None


def policy_routes(sessions: Sessions, calendars: Calendars) -> APIRouter:
    """Routes of the policies."""
    router = APIRouter(prefix="/v1/policies", tags=["configuration"])

    @router.get("", summary="The policies that hold now, in their order")
    async def read_policies(caller: Reader, response: Response) -> PoliciesView:
        with typed_database_errors():
            async with sessions.begin() as session:
                present = await _present(session, calendars, caller.tenant)
        response.headers["ETag"] = etag(present.version)
        return _policies_view(present.policies, present.version)

    @router.put("", summary="Replace all policies; cases that are open keep their clocks")
    async def replace_policies(
        caller: Admin, wanted: PolicySet, response: Response, if_match: IfMatch = None, idempotency_key: IdempotencyKey = None
    ) -> PoliciesView:
        with typed_database_errors():
            async with sessions.begin() as session:
                now = await clock_now(session)
                write = await once(session, caller, "PUT /v1/policies", idempotency_key, wanted, now)
                if write.replayed is not None:
                    view = PoliciesView.model_validate(write.replayed)
                else:
                    await lock_configuration(session, caller.tenant)
                    present = await _present(session, calendars, caller.tenant)
                    check_version(if_match, present.version)
                    _check_calendars(wanted, present)
                    view = _policies_view(wanted, present.version + 1)
                    await save_policies(session, caller.tenant, view.version, wanted, actor=caller.actor, now=now)
                    await write.keep(view, status=200)
        response.headers["ETag"] = etag(view.version)
        return view

    return router


def calendar_routes(sessions: Sessions) -> APIRouter:
    """Routes of the calendars."""
    router = APIRouter(prefix="/v1/calendars", tags=["configuration"])

    @router.get("", summary="The calendars that hold now")
    async def list_calendars(caller: Reader) -> CalendarPage:
        with typed_database_errors():
            async with sessions.begin() as session:
                found = await saved_calendars(session, caller.tenant)
        return CalendarPage(items=[_calendar_view(saved) for saved in found])

    @router.get("/{calendar_id}", summary="A calendar as it holds now")
    async def read_calendar(caller: Reader, calendar_id: CalendarId, response: Response) -> CalendarView:
        with typed_database_errors():
            async with sessions.begin() as session:
                found = {saved.id: saved for saved in await saved_calendars(session, caller.tenant)}
        if calendar_id not in found:
            raise not_found()
        response.headers["ETag"] = etag(found[calendar_id].version)
        return _calendar_view(found[calendar_id])

    @router.put("/{calendar_id}", summary="Make or replace a calendar; clocks that run keep the version they have")
    async def replace_calendar(
        caller: Admin, calendar_id: CalendarId, wanted: CalendarBody, response: Response, if_match: IfMatch = None
    ) -> CalendarView:
        with refused_at("body"):
            wanted.calendar()
        with typed_database_errors():
            async with sessions.begin() as session:
                await lock_configuration(session, caller.tenant)
                now = await clock_now(session)
                present = {saved.id: saved.version for saved in await saved_calendars(session, caller.tenant)}
                check_version(if_match, present.get(calendar_id, 0))
                saved = SavedCalendar(calendar_id, present.get(calendar_id, 0) + 1, wanted, now)
                # version 1 of a built-in calendar is never in the database, of any other it always is
                await save_calendar(session, caller.tenant, saved.id, saved.version, wanted, actor=caller.actor, now=now)
        response.headers["ETag"] = etag(saved.version)
        return _calendar_view(saved)

    return router


async def _present(session: AsyncSession, calendars: Calendars, tenant: str) -> Configuration:
    return (await configurations(session, calendars, [tenant]))[tenant]


def _check_calendars(wanted: PolicySet, present: Configuration) -> None:
    """Raise Problem 422 for a policy that names a calendar which does not exist."""
    for position, policy in enumerate(wanted.policies):
        for name in policy.calendars():
            if name not in present.calendars:
                text = f"there is no calendar {name}; make it with PUT /v1/calendars/{name} first"
                raise Problem(422, "unknown_calendar", text, errors=[FieldError(("body", "policies", position, "calendar"), text)])


def _policies_view(policies: PolicySet, version: int) -> PoliciesView:
    return PoliciesView.model_validate({**policies.model_dump(), "version": version})


def _calendar_view(saved: SavedCalendar) -> CalendarView:
    own = {"id": saved.id, "version": saved.version, "created_at": saved.created_at}
    return CalendarView.model_validate({**saved.document.model_dump(mode="json"), **own})
