"""Keys over HTTP: `admin` makes and revokes those of its own tenant."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from services.ingest import access_store
from shared.clock import Clock
from shared.contracts.access import Scope
from shared.contracts.fields import Instant
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.web.access import SYSTEM_TENANT, Access, Principal, requires
from shared.web.idempotency import once
from shared.web.problems import Problem, not_found

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Cursor = Annotated[str, Query(max_length=256, description="`next` of the page before")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=256)]
Admin = Annotated[Principal, Depends(requires("admin"))]
Operator = Annotated[Principal, Depends(requires("operator"))]

ANNOUNCED_WITHIN_SECONDS = 3.0
"""How long a new key waits to be on Kafka before it is given out; while Kafka is away it is given out all the same."""


class NewKey(BaseModel):
    """A key to be made for the caller's own tenant."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scopes": ["ingest:write", "metrics:read"]}]})

    scopes: Annotated[list[Scope], Field(min_length=1, max_length=64)]
    expires_at: Instant | None = None


class KeyView(BaseModel):
    """A key without its secret."""

    id: str
    tenant: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class IssuedKey(KeyView):
    """A key just made; `key` is shown this once."""

    key: str


class KeyPage(BaseModel):
    """One page of keys."""

    items: list[KeyView]
    next: str | None


def key_routes(sessions: Sessions, clock: Clock, access: Access) -> APIRouter:
    """Routes of keys, for each tenant's administrator. `access` tells when a new key has been announced."""
    router = APIRouter(prefix="/v1/keys", tags=["access"])

    @router.post("", status_code=201, summary="Make a key of this tenant")
    async def create_key(caller: Admin, wanted: NewKey, idempotency_key: IdempotencyKey = None) -> IssuedKey:
        if "operator" in wanted.scopes and caller.tenant != SYSTEM_TENANT:
            raise Problem(403, "forbidden", "the scope operator is only for keys of the tenant system")
        now = clock()
        with typed_database_errors():
            async with sessions.begin() as session:
                write = await once(session, caller, "POST /v1/keys", idempotency_key, wanted, now)
                if write.replayed is not None:
                    detail = (
                        f"this request made the key {write.replayed['id']} before; its text is shown only once: revoke it and make another"
                    )
                    raise Problem(409, "key_already_made", detail)
                key, text = await access_store.create_key(
                    session, tenant=caller.tenant, scopes=wanted.scopes, actor=caller.actor, now=now, expires_at=wanted.expires_at
                )
                view = KeyView.model_validate(key, from_attributes=True)
                await write.keep(view)
        await access.announced(key.id, ANNOUNCED_WITHIN_SECONDS)
        return IssuedKey(key=text, **view.model_dump())

    @router.get("", summary="List the keys of this tenant")
    async def list_keys(caller: Admin, limit: Limit = 100, cursor: Cursor = "") -> KeyPage:
        with typed_database_errors():
            async with sessions() as session:
                found = await access_store.list_keys(session, tenant=caller.tenant, after=cursor, limit=limit + 1)
        items = [KeyView.model_validate(key, from_attributes=True) for key in found[:limit]]
        return KeyPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.delete("/{key_id}", summary="Revoke a key of this tenant")
    async def revoke_key(caller: Admin, key_id: str) -> KeyView:
        with typed_database_errors():
            async with sessions.begin() as session:
                revoked = await access_store.revoke_key(session, tenant=caller.tenant, key_id=key_id, actor=caller.actor, now=clock())
        if revoked is None:
            raise not_found()
        return KeyView.model_validate(revoked, from_attributes=True)

    return router
