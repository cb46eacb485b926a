"""Surveys over HTTP: definitions and their versions, templates, opt-outs. `admin` defines; see invitations_api.py for the rest."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from services.ingest.surveys.domain.definition import SurveyDocument
from services.ingest.surveys.domain.people import address_hash
from services.ingest.surveys.domain.templates import TEMPLATES
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.store.people import opt_in, opt_out, opted_out, trust_again, undeliverable
from services.ingest.surveys.store.surveys import Survey, find_survey, list_surveys, retire_survey, save_survey, versions_of
from shared.clock import Clock
from shared.contracts.fields import Email, Id, Phone
from shared.contracts.occurrence import Customer
from shared.database.audit import record_change
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.access import Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str, Query(max_length=256, description="`next` of the page before")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=256)]
Admin = Annotated[Principal, Depends(requires("admin"))]
Writer = Annotated[Principal, Depends(requires("ingest:write"))]
SurveyId = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,62}$", description="Yours to choose; it names the survey in every event")]
DESCRIBED: dict[str, Any] = {"examples": [{"id": "after-contact", "document": TEMPLATES["ces"].model_dump(mode="json")}]}


class NewSurvey(BaseModel):
    """A survey to be made: its document, whole, or the name of a template."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=DESCRIBED)

    id: SurveyId
    document: SurveyDocument | None = None
    template: str | None = Field(default=None, description=f"One of {', '.join(TEMPLATES)}; instead of a document")


class SurveyView(BaseModel):
    """A survey in one version. `warnings` advise; `minutes` and `prompts` are those of one customer."""

    id: str
    version: int
    zone: str
    minutes: int
    prompts: int
    warnings: list[str]
    created_at: datetime
    document: SurveyDocument


class SurveyPage(BaseModel):
    """One page of surveys."""

    items: list[SurveyView]
    next: str | None


class VersionView(BaseModel):
    """One version: who made it when."""

    version: int
    created_at: datetime
    actor: str


class VersionPage(BaseModel):
    """All versions, the newest first."""

    items: list[VersionView]
    next: None = None


class TemplateView(BaseModel):
    """A survey to begin with."""

    name: str
    minutes: int
    prompts: int
    document: SurveyDocument


class TemplatePage(BaseModel):
    """All templates."""

    items: list[TemplateView]
    next: None = None


class OptOut(BaseModel):
    """A person who wants no surveys, by whatever is known of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"customer": "c-1042", "email": "ann@example.com"}]})

    customer: Id | None = None
    email: Email | None = None
    phone: Phone | None = None


class OptOutView(BaseModel):
    """Whether this person wants no surveys, and whether one of these addresses takes nothing."""

    opted_out: bool
    undeliverable: bool = False


def _view(survey: Survey) -> SurveyView:
    document = survey.document
    return SurveyView(id=survey.id, version=survey.version, zone=survey.zone.key, minutes=document.minutes, prompts=document.prompts,
                      warnings=document.warnings, created_at=survey.created_at, document=document)  # fmt: skip


def survey_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """Routes of definitions and templates."""
    router = APIRouter(tags=["surveys"])

    @router.get("/v1/survey-templates", summary="Surveys to begin with")
    async def templates(_: Admin) -> TemplatePage:
        found = [TemplateView(name=name, minutes=one.minutes, prompts=one.prompts, document=one) for name, one in TEMPLATES.items()]
        return TemplatePage(items=found)

    @router.post("/v1/surveys", status_code=201, summary="Make a survey")
    async def create(caller: Admin, wanted: NewSurvey, idempotency_key: IdempotencyKey = None) -> SurveyView:
        now, document = clock(), wanted.document or TEMPLATES.get(wanted.template or "")
        if document is None:
            raise Problem(422, "invalid_request", f"send a document, or a template: {', '.join(TEMPLATES)}")
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, "POST /v1/surveys", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return SurveyView.model_validate(write.replayed)
                made = await save_survey(session, caller.tenant, wanted.id, document, new=True, actor=caller.actor, now=now)
                if made is None:
                    raise Problem(409, "survey_exists", f"there is a survey {wanted.id} already; PUT makes its next version")
                view = _view(made)
                await write.keep(view)
        return view

    @router.get("/v1/surveys", summary="List the surveys of this tenant")
    async def list_all(caller: Admin, limit: Limit = 100, cursor: Cursor = "") -> SurveyPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await list_surveys(session, caller.tenant, cursor, limit + 1)
        return SurveyPage(items=[_view(one) for one in found[:limit]], next=found[limit - 1].id if len(found) > limit else None)

    @router.get("/v1/surveys/{survey_id}", summary="One survey, in its newest version or another")
    async def show(caller: Admin, survey_id: str, version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None) -> SurveyView:
        with typed_database_errors():
            async with sessions() as session:
                found = await find_survey(session, caller.tenant, survey_id, version)
        if found is None:
            raise not_found()
        return _view(found)

    @router.get("/v1/surveys/{survey_id}/versions", summary="The versions of a survey")
    async def versions(caller: Admin, survey_id: str) -> VersionPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await versions_of(session, caller.tenant, survey_id)
        if not found:
            raise not_found()
        return VersionPage(items=[VersionView(version=number, created_at=at, actor=actor) for number, at, actor in found])

    @router.put("/v1/surveys/{survey_id}", summary="Make the next version; what was sent stays as it was")
    async def replace(caller: Admin, survey_id: str, document: SurveyDocument) -> SurveyView:
        with typed_database_errors():
            async with sessions.begin() as session:
                made = await save_survey(session, caller.tenant, survey_id, document, new=False, actor=caller.actor, now=clock())
        if made is None:
            raise not_found()
        return _view(made)

    @router.delete("/v1/surveys/{survey_id}", summary="Ask nobody any more; answers stay")
    async def retire(caller: Admin, survey_id: str) -> SurveyView:
        with typed_database_errors():
            async with sessions.begin() as session:
                retired = await retire_survey(session, caller.tenant, survey_id, actor=caller.actor, now=clock())
        if retired is None:
            raise not_found()
        return _view(retired)

    return router


def opt_out_routes(sessions: Sessions, reach: Reach, clock: Clock) -> APIRouter:
    """Routes of opt-outs, for the systems and people that customers tell."""
    router = APIRouter(prefix="/v1/survey-opt-outs", tags=["surveys"])

    def known(caller: Principal, who: OptOut) -> tuple[list[str], list[str]]:
        """The keys of this person, and the hashes of their addresses. Raises Problem 422 when nobody is named."""
        contact = reach.contact(caller.tenant, Customer(id=who.customer, email=who.email, phone=who.phone))
        if not contact.keys:
            raise Problem(422, "invalid_request", "name the person by customer, email or phone")
        return contact.keys, [address_hash(address) for address in (contact.email, contact.phone) if address is not None]

    @router.post("", summary="Ask this person never again, by any survey")
    async def create(caller: Writer, who: OptOut) -> OptOutView:
        with typed_database_errors():
            async with sessions.begin() as session:
                await opt_out(session, caller.tenant, known(caller, who)[0], via=caller.actor, now=clock())
        return OptOutView(opted_out=True)

    @router.post("/find", summary="Whether this person wants no surveys")
    async def find(caller: Writer, who: OptOut) -> OptOutView:
        with typed_database_errors():
            async with sessions() as session:
                keys, hashes = known(caller, who)
                dead = await undeliverable(session, caller.tenant, hashes)
                return OptOutView(opted_out=bool(await opted_out(session, caller.tenant, keys)), undeliverable=bool(dead))

    @router.post("/withdraw", summary="This person asked to be asked again, or their address works again")
    async def withdraw(caller: Admin, who: OptOut) -> OptOutView:
        with typed_database_errors():
            async with sessions.begin() as session:
                keys, hashes = known(caller, who)
                gone = await opt_in(session, caller.tenant, keys)
                await trust_again(session, caller.tenant, hashes)
                if gone:
                    await record_change(session, tenant=caller.tenant, at=clock(), actor=caller.actor, action="delete",
                                        changed=f"survey-opt-out:{keys[0]}", before={"keys": gone}, after=None)  # fmt: skip
        return OptOutView(opted_out=False)

    return router
