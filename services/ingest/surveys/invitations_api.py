"""Asking people, typing in what they said on the phone, and what came back.

Customers are asked outside their quiet hours and not too often, also when it is a program that wants it; `link`, `chat` and `ivr` give out
the link or the first question at once, for whoever has the customer before them, and ask nobody themselves.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.answering import answer, survey_of
from services.ingest.surveys.api import Cursor, IdempotencyKey, Limit, Writer
from services.ingest.surveys.domain.answers import WrongAnswer, read
from services.ingest.surveys.domain.definition import GIVEN_OUT, Way
from services.ingest.surveys.domain.replies import by_reply
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.invitation_forms import (
    Asked,
    CallPage,
    CallView,
    InvitationView,
    MadeInvitation,
    MadeInvitations,
    NewInvitations,
    RepliedView,
    Reply,
    ResultsView,
    StratumView,
    TypedAnswers,
)
from services.ingest.surveys.planning import Candidate, plan
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.replying import reply
from services.ingest.surveys.saying import open_question, opening, thanks
from services.ingest.surveys.store import results
from services.ingest.surveys.store.invitations import Invitation, add_invitations, change, find_invitation, list_invitations, new_token
from services.ingest.surveys.store.people import opted_out
from services.ingest.surveys.store.surveys import Survey, find_survey
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.database.outbox import enqueue
from shared.database.sqlstates import typed_database_errors
from shared.errors import FieldError
from shared.ids import uuid7
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Reader = Annotated[Principal, Depends(requires("customers:read"))]
Metrics = Annotated[Principal, Depends(requires("metrics:read"))]
EARLIEST = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _view(invitation: Invitation) -> dict[str, Any]:
    return {name: getattr(invitation, name) for name in InvitationView.model_fields}


def invitation_routes(sessions: Sessions, events: SurveyEvents, reach: Reach, public_url: str, clock: Clock) -> APIRouter:
    """Routes of invitations."""
    router = APIRouter(prefix="/v1/surveys/{survey_id}", tags=["surveys"])

    @router.post("/invitations", status_code=201, summary="Ask people")
    async def create(caller: Writer, survey_id: str, wanted: NewInvitations, idempotency_key: IdempotencyKey = None) -> MadeInvitations:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, f"POST /v1/surveys/{survey_id}/invitations", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return MadeInvitations.model_validate(write.replayed)
                survey = await find_survey(session, caller.tenant, survey_id)
                if survey is None:
                    raise not_found()
                if not survey.active:
                    raise Problem(409, "survey_retired", "this survey asks nobody any more; PUT a version of it that is active")
                ways = (await reach.senders.of(session, caller.tenant)).ways | GIVEN_OUT
                if wanted.way is not None and wanted.way not in ways:
                    raise Problem(422, "way_not_set_up", f"this tenant can send by: {', '.join(sorted(ways))}")
                if wanted.way in ("chat", "ivr") and not by_reply(survey.document.questions):
                    raise Problem(
                        422, "not_by_reply", "a question of this survey asks for two things, which one reply cannot answer; use link"
                    )
                people = [_candidate(reach, caller.tenant, one, wanted.way, now) for one in wanted.people]
                possible = await reach.ways(session, caller.tenant, [one.contact for one in people])
                planned = [plan(survey, one, by, now) for one, by in zip(people, possible, strict=True)]
                added = await add_invitations(session, planned)
                made = []
                for one in planned:
                    new = (one.tenant, one.id) in added
                    made.append(await _made(session, survey, one, events, public_url, now, new=new))
                answer = MadeInvitations(items=made)
                await write.keep(answer.model_copy(update={"items": [one.model_copy(update={"url": None}) for one in made]}))
        return answer

    @router.get("/invitations", summary="The call list: who waits to be asked, with what to ask")
    async def calls(caller: Reader, survey_id: str, way: Way = "call", limit: Limit = 100, cursor: Cursor = "") -> CallPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await list_invitations(session, caller.tenant, survey_id, way=way, open_only=True, after=cursor, limit=limit + 1)
                items = [await _call(session, reach, one) for one in found[:limit]]
        return CallPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.post("/invitations/{invitation_id}/answers", summary="Type in what a customer said or dialled")
    async def type_in(caller: Writer, survey_id: str, invitation_id: str, typed: TypedAnswers) -> InvitationView:
        with typed_database_errors():
            async with sessions.begin() as session:
                invitation = await _open_invitation(session, caller.tenant, survey_id, invitation_id, clock())
                survey, questions = await survey_of(session, invitation)
                invitation = await answer(session, events, survey, invitation, _read(questions, typed), clock(), typed_in=True)
        return InvitationView(**_view(invitation))

    @router.post(
        "/invitations/{invitation_id}/replies", summary="Take what a customer wrote, said or dialled as the answer to the open question"
    )
    async def take_reply(caller: Writer, survey_id: str, invitation_id: str, replied: Reply) -> RepliedView:
        with typed_database_errors():
            async with sessions.begin() as session:
                invitation = await _open_invitation(session, caller.tenant, survey_id, invitation_id, clock())
                answered = await reply(session, events, invitation, replied.text, clock())
                invitation = answered or invitation
                say = await open_question(session, invitation) or await thanks(session, invitation)
        return RepliedView(**_view(invitation), answered=answered is not None, finished=invitation.finished_at is not None, say=say)

    @router.get("/results", summary="What came back")
    async def show_results(
        caller: Metrics, survey_id: str, days: Annotated[int | None, Query(ge=1, le=3660, description="Of invitations made since")] = None
    ) -> ResultsView:
        since = EARLIEST if days is None else clock() - timedelta(days=days)
        with typed_database_errors():
            async with sessions() as session:
                if await find_survey(session, caller.tenant, survey_id) is None:
                    raise not_found()
                counts = await results.totals(session, caller.tenant, survey_id, since)
                strata = await results.standings(session, caller.tenant, survey_id, since)
                scores = await results.scores(session, caller.tenant, survey_id, since)
        return _results(survey_id, since, counts, strata, scores)

    return router


def _candidate(reach: Reach, tenant: str, asked: Asked, way: Way | None, now: datetime) -> Candidate:
    named = ("touchpoint", "product", "region", "team", "agent", "interaction_id")
    context = {name: value for name in named if (value := getattr(asked, name)) is not None}
    contact = reach.contact(tenant, asked.customer, asked.language)
    return Candidate(asked.id or str(uuid7(now)), contact, context, not_before=asked.not_before, way=way)


async def _made(
    session: Any, survey: Survey, planned: Invitation, events: SurveyEvents, public_url: str, now: datetime, *, new: bool
) -> MadeInvitation:
    """What is given out is so at once, with the survey's quiet hours left aside: whoever asked for it has the customer before them."""
    stored = await find_invitation(session, planned.tenant, planned.id, lock=True)
    assert stored is not None
    if stored.way not in GIVEN_OUT or stored.reason is not None or stored.survey != survey.id:
        return MadeInvitation(**_view(stored))
    if new and await opted_out(session, stored.tenant, stored.person_keys):
        await change(session, stored, state="passed_over", reason="opted_out", next_at=None)
        return MadeInvitation(**{**_view(stored), "state": "passed_over", "reason": "opted_out", "next_at": None})
    if new:
        await change(session, stored, state="sent", sent_at=now, next_at=None)
        await enqueue(session, events.contact(stored, "sent", now))
    token = await new_token(session, stored, "answer")
    return MadeInvitation(
        **{**_view(stored), "state": "sent", "sent_at": stored.sent_at or now, "next_at": None},
        url=f"{public_url}/s/{token}", **({} if stored.way == "link" else await opening(session, stored)),
    )  # fmt: skip


async def _open_invitation(session: AsyncSession, tenant: str, survey: str, id: str, now: datetime) -> Invitation:
    """Locked. Raises Problem 404 and 409."""
    invitation = await find_invitation(session, tenant, id, lock=True)
    if invitation is None or invitation.survey != survey:
        raise not_found()
    if invitation.expires_at <= now:
        raise Problem(409, "survey_over", "this invitation has expired; make a new one")
    return invitation


async def _call(session: AsyncSession, reach: Reach, invitation: Invitation) -> CallView:
    _, questions = await survey_of(session, invitation)
    [reached] = await reach.opened(session, invitation.tenant, [invitation.reached])
    return CallView(**_view(invitation), name=reached.name, phone=reached.phone, zone=reached.zone,
                    questions=[question.model_dump(mode="json") for question in questions], given=dict(invitation.given))  # fmt: skip


def _read(questions: Any, typed: TypedAnswers) -> dict[str, Any]:
    """Raises Problem 422 with every question that is not asked, or not answered as it is asked."""
    known = {question.id: question for question in questions}
    found: dict[str, Any] = {}
    wrong = []
    for id, fields in typed.answers.items():
        if id not in known:
            wrong.append(FieldError(("answers", id), "is not asked of this customer"))
            continue
        try:
            found[id] = None if fields is None else read(known[id], {name: str(value) for name, value in fields.items()})
        except WrongAnswer as error:
            wrong.append(FieldError(("answers", id, error.field), "is missing, or is no answer that this question offers"))
    if wrong:
        raise Problem(422, "invalid_request", "the answers are not as the survey asks; see errors", errors=wrong)
    return found


def _results(survey: str, since: datetime, counts: results.Totals, strata: Any, scores: Any) -> ResultsView:
    base, answered = sum(one.base for one in strata.values()), sum(one.answered for one in strata.values())
    views = [
        StratumView(segment=stratum.segment, region=stratum.region, product=stratum.product, base=one.base, asked=one.asked,
                    answered=one.answered, share_of_base=one.base / base if base else None,
                    share_of_answers=one.answered / answered if answered else None)
        for stratum, one in sorted(strata.items())
    ]  # fmt: skip
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in scores:
        found.setdefault(row.question, {}).setdefault(row.field, {})[row.value] = row.times
    rate = counts.answered / counts.sent if counts.sent else None
    return ResultsView(survey=survey, since=since, totals=counts, response_rate=rate, strata=views, answers=found)
