"""The screens of a survey: one question, and thanks."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.schema import tenants
from services.ingest.surveys.domain.answers import Given
from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.questions import LANGUAGES, FreeText, Question
from services.ingest.surveys.pages.rendering import Page
from services.ingest.surveys.pages.screens import chosen_label, fields
from services.ingest.surveys.pages.spoken import privacy

TRAP = "website"
"""A field that people do not see: what fills in everything is a program."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The question at `place`, with what the screen needs beside it.

    `action` is where the answer goes, `back` the question before; `incentive` is promised, `known` whether we know who it is; `given` was
    answered before, `preset` chosen in a message; `wrong` says that what was sent last, with `text`, is no answer. `seen` is the address
    of the picture that tells of a person, `visit` the one that begins with this answer, `refresh` what a kiosk does when nothing happens.
    """

    document: SurveyDocument
    questions: tuple[Question, ...]
    place: int
    action: str
    incentive: str | None
    known: bool
    given: Given | None = None
    preset: str = ""
    back: str | None = None
    wrong: bool = False
    text: str | None = None
    seen: str | None = None
    visit: str | None = None
    refresh: str | None = None


def question_screen(page: Page, asking: Asking) -> Response:
    """As a page; 422 when the last answer was none."""
    document, language, question = asking.document, page.language, asking.questions[asking.place]
    shown = fields(question, language, asking.given, asking.preset)
    chosen = asking.preset and shown[0].chosen == asking.preset
    said: dict[str, Any] = {
        "title": document.title[language],
        "purpose": document.purpose[language],
        "privacy": privacy(document, page.company, language, known=asking.known),
        "incentive": asking.incentive,
        "minutes": document.minutes,
        "count": len(asking.questions),
        "place": asking.place,
        "question": question,
        "fields": shown,
        "preset": chosen_label(shown[0]) if chosen else "",
        "text": asking.text if asking.text is not None else str((asking.given or {}).get("text", "")),
        "action": asking.action,
        "back": asking.back,
        "wrong": page.words["wrong_text" if isinstance(question, FreeText) else "wrong"] if asking.wrong else None,
        "seen": asking.seen,
        "visit": asking.visit,
        "trap": TRAP,
        "refresh": asking.refresh,
    }
    return page.response("question", 422 if asking.wrong else 200, **said)


async def company_of(session: AsyncSession, tenant: str) -> str:
    """The tenant's name, as customers know it."""
    return (await session.execute(sa.select(tenants.c.name).where(tenants.c.id == tenant))).scalar_one_or_none() or tenant


def path_of(request: Request, path: str | None = None, **query: str) -> str:
    """This page or another, in the language that was switched to."""
    kept = {"lang": language} if (language := request.query_params.get("lang")) in LANGUAGES else {}
    asked = urlencode({**query, **kept})
    path = path or request.url.path
    return f"{path}?{asked}" if asked else path
