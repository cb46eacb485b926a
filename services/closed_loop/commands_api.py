"""Commands on cases over HTTP, one route each. A refused one is 409 with the reason as data; `If-Match` holds two people apart."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi import Body as BodyOf
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.announcing import Doing, announce
from services.closed_loop.cases_api import one, present
from services.closed_loop.conditions import IdempotencyKey, IfMatch, check_version, etag
from services.closed_loop.configuration import Calendars
from services.closed_loop.domain import commands
from services.closed_loop.domain.command_refusals import CommandRefused
from services.closed_loop.domain.decisions import carry_out, name_of
from services.closed_loop.simulate_api import refused_at
from services.closed_loop.store import CaseKey, clock_now, save, write_journal
from services.closed_loop.views import CaseView
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.sqlstates import typed_database_errors
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem

Writer = Annotated[Principal, Depends(requires("cases:write"))]

COMMANDS: tuple[tuple[type[commands.Command], str], ...] = (
    (commands.Acknowledge, "The customer was told that the case exists"),
    (commands.Respond, "Answer the customer, with the next step and its date: stops the first-response clock"),
    (commands.Resolve, "Decide, and inform the customer: stops the resolution clock"),
    (commands.Close, "Close the case; 409 with what is missing"),
    (commands.Assign, "Give the case to an owner, a team, or both"),
    (commands.Pause, "Stop the clocks that a pause can stop, until a limit at most"),
    (commands.Resume, "End the pause"),
    (commands.Retarget, "Give one clock another target"),
    (commands.Reopen, "Take the case up again"),
    (commands.Withdraw, "There is no complaint any more: cancels the clocks"),
    (commands.Note, "Write something down"),
)

_TEXT_FIELDS = ("text", "note", "outcome", "inform_text", "next_step", "reason")


def command_routes(sessions: Sessions, calendars: Calendars) -> APIRouter:
    """A route for each command."""
    router = APIRouter(prefix="/v1/cases/{case_id}", tags=["cases"])
    for model, summary in COMMANDS:
        _add(router, sessions, calendars, model, summary)
    return router


def _says_enough_without_a_body(model: type[commands.Command]) -> bool:
    try:
        model.model_validate({})
    except ValidationError:
        return False
    return True


def _add(router: APIRouter, sessions: Sessions, calendars: Calendars, model: type[commands.Command], summary: str) -> None:
    name = model.__name__.lower()
    body: Any = BodyOf(default_factory=model) if _says_enough_without_a_body(model) else BodyOf()

    @router.post(f"/{name}", name=f"{name}_case", summary=summary, responses={409: {"description": "Refused, with the reason as data"}})
    async def command_case(
        caller: Writer,
        case_id: str,
        response: Response,
        command: model = body,  # type: ignore[valid-type]  # the model of this route
        if_match: IfMatch = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CaseView:
        wanted: commands.Command = command
        route = f"POST /v1/cases/{case_id}/{name}"
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, route, idempotency_key, wanted, await clock_now(session))
                if write.replayed is not None:
                    view = CaseView.model_validate(write.replayed)
                else:
                    view = await _carry_out(session, calendars, caller, CaseKey(caller.tenant, case_id), wanted, if_match)
                    await write.keep(view, status=200)
        response.headers["ETag"] = etag(view.version)
        return view


async def _carry_out(
    session: AsyncSession, calendars: Calendars, caller: Principal, key: CaseKey, command: commands.Command, if_match: str | None
) -> CaseView:
    """Load, decide, save, announce. Raises Problem 404, 409, 412, or 422 for a target that no calendar reaches."""
    file = await one(session, calendars, key)
    check_version(if_match, file.case.version)
    now = await clock_now(session)
    try:
        with refused_at("body"):
            decision = carry_out(file, command, now)
    except CommandRefused as refused:
        more: dict[str, Any] = {"reason": refused.reason, "version": file.case.version}
        raise Problem(409, refused.kind, str(refused), headers={"ETag": etag(file.case.version)}, more=more) from None
    done = announce(decision, _doing(caller, command), now)
    await save(session, [(file, done.file)])
    await write_journal(session, done.entries)
    await enqueue(session, done.records)
    return await present(session, done.file)


def _doing(caller: Principal, command: commands.Command) -> Doing:
    """What people wrote goes into the text, the rest into the details."""
    said = command.model_dump(mode="json", exclude_none=True)
    texts = [said.pop(name) for name in _TEXT_FIELDS if name in said and not (name == "reason" and isinstance(command, commands.Pause))]
    return Doing(name_of(command), caller.actor, "api", "\n".join(texts) or None, {"command": said} if said else {})
