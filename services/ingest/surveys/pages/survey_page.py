"""`/s/{token}`: a question a screen, every answer saved when it is given. A GET changes nothing but that the page was opened.

There is no other protection against forged requests, because none is needed: there is no session and no cookie, so another site cannot
make a browser answer without knowing the token, and who knows it may answer.
"""

from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.schema import tenants
from services.ingest.surveys.answering import answer, opened, survey_of
from services.ingest.surveys.domain.answers import WrongAnswer, next_question, read
from services.ingest.surveys.domain.questions import FreeText, Lang, Question
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.pages.rendering import HEADERS, STYLE, STYLE_PATH, Page
from services.ingest.surveys.pages.screens import chosen_label, fields
from services.ingest.surveys.pages.serving import browser_language, notice, page_route, sent_form
from services.ingest.surveys.pages.visitors import Visitors
from services.ingest.surveys.store.invitations import Invitation, invitation_of
from services.ingest.surveys.store.people import opt_out
from services.ingest.surveys.store.surveys import Survey
from shared.clock import Clock
from shared.database.engine import Sessions


def survey_pages(sessions: Sessions, events: SurveyEvents, visitors: Visitors, clock: Clock) -> APIRouter:
    """The page, the opt-out, and the style that all pages share."""
    router = APIRouter(tags=["pages"], route_class=page_route(visitors), include_in_schema=False)

    @router.get(STYLE_PATH)
    async def style() -> Response:
        kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(STYLE, headers=kept, media_type="text/css; charset=utf-8")

    @router.get("/s/{token}")
    async def show(request: Request, token: str) -> Response:
        async with sessions.begin() as session:
            invitation = await invitation_of(session, token, "answer", lock=True)
            if invitation is None:
                return notice(request, "gone", 404)
            invitation = await opened(session, events, invitation, clock())
            return await _screen(session, request, invitation)

    @router.post("/s/{token}")
    async def save(request: Request, token: str) -> Response:
        sent = await sent_form(request)
        async with sessions.begin() as session:
            invitation = await invitation_of(session, token, "answer", lock=True)
            if invitation is None:
                return notice(request, "gone", 404)
            _, questions = await survey_of(session, invitation)
            place = next((p for p, question in enumerate(questions) if question.id == sent.get("question")), None)
            if place is None:
                return await _screen(session, request, invitation)
            question = questions[place]
            try:
                given = None if "skip" in sent else read(question, sent)
            except WrongAnswer:
                return await _screen(session, request, invitation, wrong=question, text=sent.get("text", ""))
            await answer(session, events, invitation, questions, {question.id: given}, clock())
        following = {"q": questions[place + 1].id} if "step" in request.query_params and place + 1 < len(questions) else {}
        return RedirectResponse(_path(request, **following), 303, HEADERS)

    @router.get("/u/{token}")
    async def ask_to_stop(request: Request, token: str) -> Response:
        async with sessions() as session:
            invitation = await invitation_of(session, token, "unsubscribe")
            if invitation is None:
                return notice(request, "gone", 404)
            return (await _page(session, request, invitation)).response("stop", stopped=False)

    @router.post("/u/{token}")
    async def stop(request: Request, token: str) -> Response:
        """Also the one click of a mail program (RFC 8058)."""
        async with sessions.begin() as session:
            invitation = await invitation_of(session, token, "unsubscribe")
            if invitation is None:
                return notice(request, "gone", 404)
            await opt_out(session, invitation.tenant, invitation.person_keys, via="link", now=clock())
            return (await _page(session, request, invitation)).response("stop", stopped=True)

    return router


async def company_of(session: AsyncSession, tenant: str) -> str:
    """The tenant's name, as customers know it."""
    return (await session.execute(sa.select(tenants.c.name).where(tenants.c.id == tenant))).scalar_one_or_none() or tenant


def _path(request: Request, **more: str) -> str:
    """This page again, in the language that was switched to."""
    kept = {"lang": language} if (language := request.query_params.get("lang")) in ("en", "zh-Hans") else {}
    query = urlencode({**more, **kept})
    return f"{request.url.path}?{query}" if query else request.url.path


async def _page(session: AsyncSession, request: Request, invitation: Invitation, languages: tuple[Lang, ...] = ("en", "zh-Hans")) -> Page:
    known = invitation.language if invitation.reached.language else None
    language = browser_language(request, languages, known)
    kept = {name: value for name in ("q", "score") if (value := request.query_params.get(name)) and len(value) < 100}
    keep = f"{urlencode(kept)}&" if kept else ""
    return Page(language, await company_of(session, invitation.tenant), request.url.path, languages, keep=keep)


async def _screen(
    session: AsyncSession, request: Request, invitation: Invitation, wrong: Question | None = None, text: str | None = None
) -> Response:
    """The question that was asked for, else the first one that is open, else thanks."""
    survey, questions = await survey_of(session, invitation)
    document = survey.document
    page = await _page(session, request, invitation, document.languages)
    asked = wrong.id if wrong is not None else request.query_params.get("q")
    place = next((p for p, question in enumerate(questions) if question.id == asked), next_question(questions, invitation.given))
    incentive = document.incentive.text[page.language] if document.incentive else None
    if place == len(questions):
        return page.response("done", expires_at=invitation.expires_at, incentive=incentive, change=_path(request, q=questions[0].id))
    return page.response(
        "question", 200 if wrong is None else 422,
        **_intro(survey, page, questions, incentive),
        **_asked(request, page, invitation, questions, place, text),
        wrong=wrong and page.words["wrong_text" if isinstance(wrong, FreeText) else "wrong"],
    )  # fmt: skip


def _intro(survey: Survey, page: Page, questions: tuple[Question, ...], incentive: str | None) -> dict[str, Any]:
    document, language = survey.document, page.language
    return {
        "title": document.title[language],
        "purpose": document.purpose[language],
        "privacy": document.privacy[language] if document.privacy else page.words["privacy"].format(company=page.company),
        "incentive": incentive,
        "minutes": document.minutes,
        "count": len(questions),
    }


def _asked(
    request: Request, page: Page, invitation: Invitation, questions: tuple[Question, ...], place: int, text: str | None
) -> dict[str, Any]:
    question = questions[place]
    given = invitation.given.get(question.id)
    preset = request.query_params.get("score", "") if place == 0 and given is None else ""
    shown = fields(question, page.language, given, preset)
    stepping = {"step": "1"} if "q" in request.query_params else {}
    return {
        "place": place,
        "question": question,
        "fields": shown,
        "preset": chosen_label(shown[0]) if preset and shown[0].chosen == preset else "",
        "text": text if text is not None else str((given or {}).get("text", "")),
        "action": _path(request, **stepping),
        "back": _path(request, q=questions[place - 1].id) if place else None,
    }
