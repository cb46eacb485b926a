"""An app of the factory with a few routes of its own, asked in this process."""

from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends
from prometheus_client import CollectorRegistry
from pydantic import BaseModel, Field
from starlette.types import ASGIApp

from shared.errors import Unavailable
from shared.web.access import Access, Principal, requires
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.problems import not_found
from shared.web.requests import RequestMetrics

LIMIT = 2000


class Note(BaseModel):
    """A body with something that can be wrong."""

    text: Annotated[str, Field(max_length=10_000)]
    stars: Annotated[int, Field(ge=1, le=5)] = 5


def routes() -> APIRouter:
    router = APIRouter(prefix="/v1/notes")

    @router.post("")
    async def write(note: Note) -> Note:
        return note

    @router.get("/{note}")
    async def read(note: int) -> Note:
        if note == 404:
            raise not_found()
        if note == 503:
            raise Unavailable("postgres", "secret-address")
        raise RuntimeError(f"secret-{note}")

    @router.get("/of/reader")
    async def for_readers(caller: Annotated[Principal, Depends(requires("metrics:read"))]) -> str:
        return caller.tenant

    @router.get("/of/operator")
    async def for_operators(caller: Annotated[Principal, Depends(requires("operator"))]) -> str:
        return caller.tenant

    return router


def serve(access: Access, health: Health | None = None, registry: CollectorRegistry | None = None) -> ASGIApp:
    registry = registry or CollectorRegistry()
    return create_app(title="notes", description="", access=access, health=health or Health(), registry=registry,
                      requests=RequestMetrics("notes", registry), routers=[routes()], max_body_bytes=LIMIT)  # fmt: skip


async def ask(app: ASGIApp, method: str, path: str, **request: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notes") as client:
        return await client.request(method, path, **request)
