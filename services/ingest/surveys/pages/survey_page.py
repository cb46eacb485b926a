"""`/s/{token}`: a question a screen, every answer saved when it is given. A GET changes nothing but that a person saw the page.

There is no other protection against forged requests, because none is needed: there is no session and no cookie, so another site cannot
make a browser answer without knowing the token, and who knows it may answer.
"""

from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.surveys.answering import answer, opened, survey_of
from services.ingest.surveys.domain.answers import WrongAnswer, next_question, read
from services.ingest.surveys.domain.questions import LANGUAGES, Lang
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.pages import kiosk
from services.ingest.surveys.pages.rendering import HEADERS, STYLE, STYLE_PATH, Page
from services.ingest.surveys.pages.serving import browser_language, notice, page_route, sent_form
from services.ingest.surveys.pages.showing import Asking, company_of, path_of, question_screen
from services.ingest.surveys.pages.visitors import Visitors
from services.ingest.surveys.store.invitations import Invitation, change, invitation_of
from services.ingest.surveys.store.people import opt_out
from services.ingest.surveys.store.rewards import any_coupon, promised, reward_of
from services.ingest.surveys.store.surveys import Survey
from shared.clock import Clock
from shared.database.engine import Sessions

SEEN = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'


def survey_pages(sessions: Sessions, events: SurveyEvents, visitors: Visitors, clock: Clock) -> APIRouter:
    """The page, the opt-out, and the style that all pages share."""
    router = APIRouter(tags=["pages"], route_class=page_route(visitors), include_in_schema=False)

    @router.get(STYLE_PATH)
    async def style() -> Response:
        kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return Response(STYLE, headers=kept, media_type="text/css; charset=utf-8")

    @router.get("/s/{token}")
    async def show(request: Request, token: str) -> Response:
        async with sessions() as session:
            invitation = await invitation_of(session, token, "answer")
            if invitation is None:
                return notice(request, "gone", 404)
            start = await kiosk.start_of(session, invitation)
            if start is not None and is_over(invitation, clock()):
                return RedirectResponse(start, 303, HEADERS)
            return await screen(session, request, invitation, start)

    @router.get("/s/{token}/seen.svg")
    async def seen(request: Request, token: str) -> Response:
        """The page's own picture, which comes into sight after two seconds. Fetch metadata tells a browser that shows the page from what
        only fetches its links."""
        if request.headers.get("sec-fetch-dest") == "image" and request.headers.get("sec-fetch-site") == "same-origin":
            async with sessions.begin() as session:
                invitation = await invitation_of(session, token, "answer", lock=True)
                if invitation is not None:
                    await opened(session, events, invitation, clock())
        return Response(SEEN, headers=HEADERS, media_type="image/svg+xml")

    @router.post("/s/{token}")
    async def save(request: Request, token: str) -> Response:
        sent = await sent_form(request)
        async with sessions.begin() as session:
            invitation = await invitation_of(session, token, "answer", lock=True)
            if invitation is None:
                return notice(request, "gone", 404)
            start = await kiosk.start_of(session, invitation)
            if start is not None and is_over(invitation, clock()):
                return RedirectResponse(start, 303, HEADERS)
            survey, questions = await survey_of(session, invitation)
            place = next((p for p, question in enumerate(questions) if question.id == sent.get("question")), None)
            if place is None:
                return await screen(session, request, invitation, start)
            try:
                given = None if "skip" in sent else read(questions[place], sent)
            except WrongAnswer:
                return await screen(session, request, invitation, start, wrong=place, text=sent.get("text", ""))
            invitation = await answer(session, events, survey, invitation, {questions[place].id: given}, clock())
            if start is not None and invitation.finished_at is not None:
                return await screen(session, request, invitation, start)
            if start is not None:
                await change(session, invitation, expires_at=clock() + kiosk.VISIT)
        following = {"q": questions[place + 1].id} if "step" in request.query_params and place + 1 < len(questions) else {}
        return RedirectResponse(path_of(request, **following), 303, HEADERS)

    @router.get("/u/{token}")
    async def ask_to_stop(request: Request, token: str) -> Response:
        async with sessions() as session:
            invitation = await invitation_of(session, token, "unsubscribe")
            if invitation is None:
                return notice(request, "gone", 404)
            return (await _page(session, request, invitation)).response("stop", stopped=False)

    one_click = APIRouter(route_class=page_route(None))

    @one_click.post("/u/{token}")
    async def stop(request: Request, token: str) -> Response:
        """Also the one click of a mail program (RFC 8058), which comes from the few addresses of a large provider: none is lost to a limit,
        and nobody guesses a token."""
        async with sessions.begin() as session:
            invitation = await invitation_of(session, token, "unsubscribe")
            if invitation is None:
                return notice(request, "gone", 404)
            await opt_out(session, invitation.tenant, invitation.person_keys, via="link", now=clock())
            return (await _page(session, request, invitation)).response("stop", stopped=True)

    router.include_router(one_click)
    return router


def is_over(invitation: Invitation, now: datetime) -> bool:
    """Whether a visit to a kiosk has ended."""
    return invitation.finished_at is not None or invitation.expires_at <= now


async def screen(
    session: AsyncSession, request: Request, invitation: Invitation, start: str | None, wrong: int | None = None, text: str | None = None
) -> Response:
    """The question that was asked for, else the first one that is open, else thanks. `start` is that of a kiosk, which shows nothing that
    was answered before; `wrong` is the place of a question whose answer, with `text`, was none."""
    survey, questions = await survey_of(session, invitation)
    page = await _page(session, request, invitation, survey.document.languages)
    if start is not None and "idle" in request.query_params:
        return page.response("idle", go_on=path_of(request), refresh=kiosk.then(kiosk.ASKING_SECONDS, start))
    asked = None if start is not None else request.query_params.get("q")
    place = next((p for p, question in enumerate(questions) if question.id == asked), next_question(questions, invitation.given))
    place = place if wrong is None else wrong
    if place == len(questions):
        return await _thanks(session, request, page, invitation, questions[0].id, start)
    given = invitation.given.get(questions[place].id) if start is None else None
    asking = Asking(
        survey.document, questions, place,
        action=path_of(request, **({"step": "1"} if asked is not None else {})),
        incentive=await promise(session, page, survey, invitation.person), known=invitation.person is not None,
        given=given,
        preset=request.query_params.get("score", "") if place == 0 and given is None else "",
        back=path_of(request, q=questions[place - 1].id) if place and start is None else None,
        wrong=wrong is not None, text=text,
        seen=f"{request.url.path}/seen.svg" if invitation.opened_at is None and invitation.place is None else None,
        refresh=kiosk.then(kiosk.waits(questions[place]), path_of(request, idle="1")) if start is not None else None,
    )  # fmt: skip
    return question_screen(page, asking)


async def promise(session: AsyncSession, page: Page, survey: Survey, person: str | None) -> str | None:
    """The incentive in words, None for somebody who gets none; codes that have run out are not promised."""
    incentive = survey.document.incentive
    if incentive is None or not promised(survey.document, person):
        return None
    if incentive.kind == "coupon" and not await any_coupon(session, survey.tenant, survey.id):
        return None
    return incentive.text[page.language]


async def _thanks(session: AsyncSession, request: Request, page: Page, invitation: Invitation, first: str, start: str | None) -> Response:
    survey, _ = await survey_of(session, invitation)
    if start is not None:  # shown once, so there is no other language to switch it to
        page = Page(page.language, page.company, "", ())
    reward = await reward_of(session, invitation)
    incentive = survey.document.incentive
    seconds = kiosk.CODE_SECONDS if reward is not None else kiosk.THANKS_SECONDS
    return page.response(
        "done", 200, None if start is None else kiosk.FORGET,
        expires_at=invitation.expires_at,
        incentive=incentive.text[page.language] if incentive is not None and reward is not None else None,
        reward=reward,
        change=path_of(request, q=first) if start is None else None,
        again=start,
        refresh=None if start is None else kiosk.then(seconds, start),
    )  # fmt: skip


async def _page(session: AsyncSession, request: Request, invitation: Invitation, languages: tuple[Lang, ...] = LANGUAGES) -> Page:
    known = invitation.language if invitation.reached.language else None
    language = browser_language(request, languages, known)
    kept = {name: value for name in ("q", "score") if (value := request.query_params.get(name)) and len(value) < 100}
    keep = f"{urlencode(kept)}&" if kept else ""
    return Page(language, await company_of(session, invitation.tenant), request.url.path, languages, keep=keep)
