"""Tenants over HTTP: `operator` makes them; `admin` sees and changes its own, what is done to its personal data included."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.ingest import access_store
from services.ingest.access_api import ANNOUNCED_WITHIN_SECONDS, Cursor, IdempotencyKey, Limit, Operator
from services.ingest.personal.phones import Home
from shared.clock import Clock
from shared.contracts.access import TenantRecord
from shared.contracts.fields import Language, Name, Tenant, Zone
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.access import SYSTEM_TENANT, Access, Principal, authenticated, check_scope
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found


def _exists(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the name of a folder of zones is an OSError
        raise ValueError("is no time zone; send one of IANA's, for example Europe/Berlin") from None
    return zone


HomeZone = Annotated[Zone, AfterValidator(_exists)]
Kind = Literal["card", "iban", "email", "phone", "national_id"]
HasIds = Literal["US", "GB", "DE", "CN", "FR", "ES", "IT", "NL", "BR", "IN"]
Languages = Annotated[list[Language], Field(max_length=64)]


class NewTenant(BaseModel):
    """A tenant to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"id": "acme", "name": "ACME Ltd.", "zone": "Europe/London"}]}
    )

    id: Tenant
    name: Name
    zone: HomeZone = "UTC"
    languages: Languages = ["en"]


class TenantChange(BaseModel):
    """What is to change; what is not named stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"country": "DE", "redaction": True, "redacted": ["card", "iban"]}]}
    )

    name: Annotated[Name, Field(description="How people call it")] = ""
    zone: HomeZone = "UTC"
    languages: Languages = []
    country: Annotated[Home | None, Field(description="Where phone numbers are that have no country code")] = None
    redaction: Annotated[bool, Field(description="Whether personal data in free text become marks such as [card]")] = False
    redacted: Annotated[list[Kind], Field(max_length=8, description="Which kinds of personal data; none named: all")] = []
    national_ids: Annotated[
        list[HasIds],
        Field(max_length=16, description="Countries whose bare national ids are taken out too, beside the tenant's own"),
    ] = []
    pseudonyms: Annotated[bool, Field(description="Whether customers' addresses and numbers become pseudonyms, and names go")] = False
    survey_addresses: Annotated[
        bool,
        Field(description="Whether surveys may write to customers with pseudonyms: their addresses are kept sealed for that alone"),
    ] = False


class TenantView(BaseModel):
    """A tenant."""

    id: str
    name: str
    zone: str
    languages: list[str]
    country: str | None
    redaction: bool
    redacted: list[str]
    national_ids: list[str]
    pseudonyms: bool
    survey_addresses: bool
    created_at: datetime


class TenantPage(BaseModel):
    """One page of tenants."""

    items: list[TenantView]
    next: str | None


async def of_tenant(id: str, caller: Annotated[Principal, Depends(authenticated)]) -> Principal:
    """The caller, who may see and change this tenant: its administrator, or the operator."""
    if caller.tenant == SYSTEM_TENANT and "operator" in caller.scopes:
        return caller
    check_scope(caller, "admin")
    if caller.tenant != id:
        raise not_found()
    return caller


OfTenant = Annotated[Principal, Depends(of_tenant)]


def tenant_routes(sessions: Sessions, clock: Clock, access: Access, *, pseudonyms: bool) -> APIRouter:
    """Routes of tenants. `access` tells when a change has been announced; `pseudonyms`: whether there is a key to make them with."""
    router = APIRouter(prefix="/v1/tenants", tags=["access"])

    @router.post("", status_code=201, summary="Make a tenant")
    async def create_tenant(caller: Operator, wanted: NewTenant, idempotency_key: IdempotencyKey = None) -> TenantView:
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, "POST /v1/tenants", idempotency_key, wanted, now)
                if write.replayed is not None:
                    return TenantView.model_validate(write.replayed)
                made = await access_store.create_tenant(session, **wanted.model_dump(), actor=caller.actor, now=now)
                if made is None:
                    raise Problem(409, "tenant_exists", f"there is a tenant {wanted.id} already")
                view = _view(made)
                await write.keep(view)
        return view

    @router.get("", summary="List tenants")
    async def list_tenants(_: Operator, limit: Limit = 100, cursor: Cursor = "") -> TenantPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await access_store.list_tenants(session, after=cursor, limit=limit + 1)
        items = [_view(tenant) for tenant in found[:limit]]
        return TenantPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.get("/{id}", summary="Show a tenant")
    async def show_tenant(_: OfTenant, id: str) -> TenantView:
        with typed_database_errors():
            async with sessions() as session:
                found = await access_store.find_tenant(session, id)
        if found is None:
            raise not_found()
        return _view(found)

    @router.patch("/{id}", summary="Change a tenant, and what is done to its personal data")
    async def change_tenant(caller: OfTenant, id: str, wanted: TenantChange) -> TenantView:
        changes = wanted.model_dump(exclude_unset=True)
        if changes.get("pseudonyms") and not pseudonyms:
            text = "this installation has no key for pseudonyms: its operator sets HEARBACK_INGEST_PSEUDONYMS_KEY on every replica"
            raise Problem(422, "no_pseudonyms_key", text)
        with typed_database_errors():
            async with sessions.begin() as session:
                changed = await access_store.change_tenant(
                    session, tenant=id, changes=_record_fields(changes), actor=caller.actor, now=clock()
                )
        if changed is None:
            raise not_found()
        record, version = changed
        await access.tenant_announced(id, version, ANNOUNCED_WITHIN_SECONDS)
        return _view(record)

    return router


def _record_fields(changes: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(dict.fromkeys(value)) if isinstance(value, list) else value for name, value in changes.items()}


def _view(record: TenantRecord) -> TenantView:
    return TenantView.model_validate({"id": record.tenant, **record.model_dump(exclude={"tenant"})})
