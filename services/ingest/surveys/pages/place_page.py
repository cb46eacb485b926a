"""`/s/at/{place}`: the first screen of a survey for whoever comes by, at a kiosk, a till or a code in a store; and its poster.

Looking at it stores nothing. The first answer makes an invitation of its own, whose id follows from one that was made with the page, so
that sending the page twice is one visit; what follows is the survey page.
"""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.answering import answer
from services.ingest.surveys.domain.answers import WrongAnswer, read
from services.ingest.surveys.domain.definition import block_for
from services.ingest.surveys.domain.people import Contact
from services.ingest.surveys.domain.questions import FreeText, Lang
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.pages import kiosk
from services.ingest.surveys.pages.printing import code_of
from services.ingest.surveys.pages.rendering import HEADERS, Page
from services.ingest.surveys.pages.serving import browser_language, is_uuid, notice, page_route, sent_form, too_many
from services.ingest.surveys.pages.showing import TRAP, Asking, company_of, path_of, question_screen
from services.ingest.surveys.pages.survey_page import is_over, promise, screen
from services.ingest.surveys.pages.visitors import Visitors
from services.ingest.surveys.planning import Candidate, plan
from services.ingest.surveys.store.invitations import Invitation, add_invitations, find_invitation, new_token, number_of
from services.ingest.surveys.store.places import Place, find_place
from services.ingest.surveys.store.surveys import Survey, find_survey
from shared.clock import Clock
from shared.contracts.identity import event_hash
from shared.database.engine import Sessions


def place_pages(sessions: Sessions, events: SurveyEvents, visitors: Visitors, public_url: str, clock: Clock) -> APIRouter:
    """The first screen, and its code to print."""
    router = APIRouter(tags=["pages"], route_class=page_route(visitors), include_in_schema=False)

    @router.get("/s/at/{place}")
    async def show(request: Request, place: str) -> Response:
        async with sessions() as session:
            found = await _find(session, place)
            return notice(request, "gone", 404) if found is None else await _first(session, request, *found, str(uuid4()))

    @router.post("/s/at/{place}")
    async def begin(request: Request, place: str) -> Response:
        sent, now = await sent_form(request), clock()
        async with sessions.begin() as session:
            found = await _find(session, place)
            if found is None:
                return notice(request, "gone", 404)
            at, survey = found
            visit = sent.get("visit", "")
            id = _invitation_id(at, visit)
            question = block_for(survey.document, number_of(id))[0]
            if sent.get("question") != question.id or not is_uuid(visit) or sent.get(TRAP):
                return await _first(session, request, at, survey, str(uuid4()))
            try:
                given = None if "skip" in sent else read(question, sent)
            except WrongAnswer:
                return await _first(session, request, at, survey, visit, wrong=True, text=sent.get("text", ""))
            invitation = await find_invitation(session, at.tenant, id, lock=True)
            if invitation is None:
                if not visitors.may_begin(request, at.id):
                    return too_many(request)
                language = browser_language(request, survey.document.languages)
                invitation = await _walk_in(session, at, survey, id, language, now)
            start = kiosk.start(at.id) if at.kiosk else None
            if start is not None and is_over(invitation, now):
                return RedirectResponse(start, 303, HEADERS)
            invitation = await answer(session, events, survey, invitation, {question.id: given}, now)
            if start is not None and invitation.finished_at is not None:
                return await screen(session, request, invitation, start)
            token = await new_token(session, invitation, "answer", now + kiosk.KNOWN if start is not None else None)
        return RedirectResponse(path_of(request, f"/s/{token}"), 303, HEADERS)

    @router.get("/s/at/{place}/poster")
    async def poster(request: Request, place: str) -> Response:
        async with sessions() as session:
            found = await _find(session, place)
            if found is None:
                return notice(request, "gone", 404)
            at, survey = found
            languages = survey.document.languages
            page = Page(browser_language(request, languages), await company_of(session, at.tenant), request.url.path, languages)
        minutes = page.words["minutes"].format(minutes=survey.document.minutes)
        return page.response(
            "poster",
            heading=survey.document.title[page.language],
            text=page.words["poster_survey"].format(minutes=minutes),
            place=at.context.get("touchpoint"),
            target=f"{public_url}{kiosk.start(at.id)}",
            code=f"{kiosk.start(at.id)}/code.svg",
        )

    @router.get("/s/at/{place}/code.svg")
    async def code(request: Request, place: str) -> Response:
        async with sessions() as session:
            found = await _find(session, place)
        return notice(request, "gone", 404) if found is None else code_of(f"{public_url}{kiosk.start(found[0].id)}")

    return router


async def _find(session: AsyncSession, id: str) -> tuple[Place, Survey] | None:
    """An open place and the newest version of its survey; None when either takes no more answers."""
    place = await find_place(session, id)
    survey = None if place is None else await find_survey(session, place.tenant, place.survey)
    return None if place is None or survey is None or not survey.document.active else (place, survey)


def _invitation_id(place: Place, visit: str) -> str:
    return str(event_hash(f"/surveys/{place.survey}/at/{place.id}", visit))


async def _walk_in(session: AsyncSession, at: Place, survey: Survey, id: str, language: Lang, now: datetime) -> Invitation:
    """Somebody who was not asked and is nobody in particular. Two requests of one visit make one."""
    until = now + kiosk.VISIT if at.kiosk else None
    planned = plan(survey, Candidate(id, Contact(), at.context, expires_at=until, way="link"), frozenset(), now)
    invitation = replace(planned, mode="instant", state="walked_in", reason=None, place=at.id, language=language, next_at=None)
    await add_invitations(session, [invitation])
    stored = await find_invitation(session, at.tenant, id, lock=True)
    assert stored is not None
    return stored


async def _first(
    session: AsyncSession, request: Request, at: Place, survey: Survey, visit: str, *, wrong: bool = False, text: str = ""
) -> Response:
    """`wrong` says that the last answer, with `text`, was none. A kiosk goes back where somebody may have left something behind."""
    languages = survey.document.languages
    page = Page(browser_language(request, languages), await company_of(session, at.tenant), request.url.path, languages)
    questions = block_for(survey.document, number_of(_invitation_id(at, visit)))
    left = wrong or request.url.query or questions[0].prompts > 1 or isinstance(questions[0], FreeText)
    asking = Asking(
        survey.document,
        questions,
        0,
        action=path_of(request),
        incentive=await promise(session, page, survey, None),
        known=False,
        wrong=wrong,
        text=text,
        visit=visit,
        refresh=kiosk.then(kiosk.waits(questions[0]), kiosk.start(at.id)) if at.kiosk and left else None,
    )
    return question_screen(page, asking)
