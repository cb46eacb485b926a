"""`/f/{endpoint}`: a complaint, a suggestion, praise or an idea at any time, without invitation and without a name; and its QR code.

The entry's id is made with the page, so that sending the page twice is one entry. A field that people do not see catches programs that
fill in everything: they are thanked, and nothing is kept.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import phonenumbers
import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.form import ADAPTER, Options
from services.ingest.channels.store import endpoints_by_id
from services.ingest.schema import tenants
from services.ingest.surveys.domain.questions import LANGUAGES
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.pages.printing import code_of
from services.ingest.surveys.pages.rendering import Page
from services.ingest.surveys.pages.serving import browser_language, is_uuid, notice, page_route, sent_form
from services.ingest.surveys.pages.showing import TRAP, company_of
from services.ingest.surveys.pages.visitors import Visitors
from shared.clock import Clock
from shared.contracts.fields import Email, Name, text_only
from shared.database.engine import Sessions
from shared.database.outbox import enqueue

KINDS = {
    "complaint": ("feedback.complaint_raised.v1", {}),
    "suggestion": ("feedback.comment_posted.v1", {"kind": "suggestion"}),
    "praise": ("feedback.comment_posted.v1", {"kind": "praise"}),
    "idea": ("feedback.idea_submitted.v1", {}),
}
PLACES = ("touchpoint", "region")
FIELDS = ("entry", "kind", "text", "name", "email", "phone")
LONGEST_TEXT = 10_000
_EMAIL, _NAME = TypeAdapter[str](Email), TypeAdapter[str](Name)


def form_pages(sessions: Sessions, events: SurveyEvents, visitors: Visitors, public_url: str, clock: Clock) -> APIRouter:
    """The form, and its code to print."""
    router = APIRouter(tags=["pages"], route_class=page_route(visitors), include_in_schema=False)

    @router.get("/f/{endpoint}")
    async def show(request: Request, endpoint: str) -> Response:
        async with sessions() as session:
            form = await _form_of(session, endpoint)
            if form is None:
                return notice(request, "gone", 404)
            return _form(request, await company_of(session, form.tenant), {"entry": str(uuid4())}, {})

    @router.post("/f/{endpoint}")
    async def take(request: Request, endpoint: str) -> Response:
        sent = await sent_form(request)
        async with sessions.begin() as session:
            form = await _form_of(session, endpoint)
            if form is None:
                return notice(request, "gone", 404)
            company = await company_of(session, form.tenant)
            wrong = _wrong(sent, form.country)
            if wrong:
                entry = sent["entry"] if "entry" not in wrong and "entry" in sent else str(uuid4())
                return _form(request, company, {**sent, "entry": entry}, wrong)
            if not sent.get(TRAP):
                type, data = _entry(request, sent, form)
                await enqueue(session, events.form(form.tenant, endpoint, type, sent["entry"], data, clock()))
        page = _page(request, company)
        return page.response("form_done", reference=sent["entry"][:8].upper(), again=_again(request))

    @router.get("/f/{endpoint}/poster")
    async def poster(request: Request, endpoint: str) -> Response:
        async with sessions() as session:
            form = await _form_of(session, endpoint)
            if form is None:
                return notice(request, "gone", 404)
            page = _page(request, await company_of(session, form.tenant))
        target = f"{public_url}/f/{endpoint}{_query(_places(request))}"
        code = f"{request.url.path.removesuffix('/poster')}/code.svg{_query(_places(request))}"
        place, words = _places(request).get("touchpoint"), page.words
        return page.response("poster", code=code, target=target, place=place, heading=words["poster"], text=words["poster_text"])

    @router.get("/f/{endpoint}/code.svg")
    async def code(request: Request, endpoint: str) -> Response:
        async with sessions() as session:
            if await _form_of(session, endpoint) is None:
                return notice(request, "gone", 404)
        return code_of(f"{public_url}/f/{endpoint}{_query(_places(request))}")

    return router


class _Form(NamedTuple):
    """Whose form it is, how it is set up, and where phone numbers without a country code are."""

    tenant: str
    options: Options
    country: str | None


async def _form_of(session: AsyncSession, endpoint: str) -> _Form | None:
    if "\x00" in endpoint:
        return None
    found = next((one for one in await endpoints_by_id(session, [endpoint]) if one.channel == ADAPTER.name), None)
    if found is None:
        return None
    at_home = (await session.execute(sa.select(tenants.c.country).where(tenants.c.id == found.tenant))).scalar_one_or_none()
    return _Form(found.tenant, Options.model_validate(found.options), found.country or at_home)


def _page(request: Request, company: str) -> Page:
    kept = _places(request)
    return Page(browser_language(request), company, request.url.path, LANGUAGES, keep=f"{urlencode(kept)}&" if kept else "")


def _form(request: Request, company: str, sent: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    page = _page(request, company)
    said = {name: sent.get(name, "") for name in FIELDS}
    told = {name: page.words[wrong[name]] if name in wrong else "" for name in FIELDS}
    kinds = [(kind, page.words[kind]) for kind in KINDS]
    return page.response(
        "form", 422 if wrong else 200, said=said, refused=bool(wrong), wrong=told, kinds=kinds, trap=TRAP, action=_again(request)
    )


def _again(request: Request) -> str:
    kept = _places(request)
    if request.query_params.get("lang") in LANGUAGES:
        kept["lang"] = request.query_params["lang"]
    return f"{request.url.path}{_query(kept)}"


def _query(parameters: Mapping[str, str]) -> str:
    return f"?{urlencode(parameters)}" if parameters else ""


def _places(request: Request) -> dict[str, str]:
    """Where the code hangs that was scanned; what is no name is left out."""
    found = {}
    for name in PLACES:
        try:
            found[name] = _NAME.validate_python(request.query_params.get(name))
        except ValidationError:
            continue
    return found


def _wrong(sent: Mapping[str, str], country: str | None) -> dict[str, str]:
    """What to correct, by field: the words that say it."""
    wrong = {}
    if sent.get("kind") not in KINDS:
        wrong["kind"] = "wrong_kind"
    if not 0 < len(_text(sent)) <= LONGEST_TEXT:
        wrong["text"] = "wrong_words"
    if email := sent.get("email", "").strip():
        try:
            _EMAIL.validate_python(email)
        except ValidationError:
            wrong["email"] = "wrong_email"
    if sent.get("phone", "").strip() and _phone(sent, country) is None:
        wrong["phone"] = "wrong_phone"
    if not is_uuid(sent.get("entry", "")):
        wrong["entry"] = "form_wrong"
    return wrong


def _text(sent: Mapping[str, str]) -> str:
    """What was written; nothing when it cannot be stored."""
    try:
        return text_only(sent.get("text", "").replace("\r\n", "\n").strip())
    except ValueError:
        return ""


def _phone(sent: Mapping[str, str], country: str | None) -> str | None:
    """In E.164; a number without its country code is one of this country. None for what cannot be called."""
    try:
        number = phonenumbers.parse(sent["phone"].strip(), country)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if phonenumbers.is_possible_number(number) else None


def _entry(request: Request, sent: Mapping[str, str], form: _Form) -> tuple[str, dict[str, Any]]:
    """Type and data of the event. Nobody has proven the contact."""
    type, more = KINDS[sent["kind"]]
    email, name = sent.get("email", "").strip(), sent.get("name", "").strip()[:256]
    phone = _phone(sent, form.country) if sent.get("phone", "").strip() else None
    contact = {field: value for field, value in (("email", email), ("phone", phone), ("name", name)) if value}
    places = {**form.options.model_dump(exclude_none=True), **_places(request)}
    data = {"channel": "form", "text": _text(sent), "language": browser_language(request), **places, **more}
    return type, {**data, "customer": contact} if contact.keys() & {"email", "phone"} else data
