"""What the pages have in common: the limit by address, bodies of forms, and friendly words when something is not there."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.ingest.surveys.domain.questions import LANGUAGES, Lang
from services.ingest.surveys.pages.rendering import Page, spoken_language
from services.ingest.surveys.pages.visitors import Visitors
from shared.database.sqlstates import typed_database_errors
from shared.errors import Unavailable

LONGEST_FORM = 128 * 1024
MOST_FIELDS = 50
PRODUCT = "Hearback"
log = structlog.get_logger()


def page_route(visitors: Visitors | None) -> type[APIRoute]:
    """A route whose handler answers people: limited by address unless there are no `visitors`, and with a page when PostgreSQL is away."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                if visitors is not None and not visitors.may_come(request):
                    return too_many(request)
                try:
                    with typed_database_errors():
                        return await handle(request)
                except Unavailable as unavailable:
                    log.warning("page refused", action="page_refused", dependency=unavailable.dependency)
                    return notice(request, "away", 503, {"Retry-After": "60"})

            return answer

    return PageRoute


def too_many(request: Request) -> Response:
    """What an address is told that comes too often."""
    return notice(request, "busy", 429, {"Retry-After": "60"})


async def sent_form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form, the first of each; empty for anything else, or for too much."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = await request.body()
    if len(body) > LONGEST_FORM:
        return {}
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:  # also undecodable bytes
        return {}
    return dict(reversed(pairs))


def is_uuid(text: str) -> bool:
    """Whether this is an id that one of our pages made."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def browser_language(request: Request, languages: tuple[Lang, ...] = LANGUAGES, otherwise: Lang | None = None) -> Lang:
    """The language of the page that this request wants."""
    return spoken_language(request.query_params.get("lang"), request.headers.get("accept-language"), languages, otherwise)


def notice(
    request: Request, what: str, status: int, headers: dict[str, str] | None = None, company: str = PRODUCT, **words: Any
) -> Response:
    """A page that says one thing."""
    page = Page(browser_language(request), company, request.url.path, LANGUAGES)
    return page.response("notice", status, headers, heading=page.words[what], text=page.words[f"{what}_text"].format(**words))
