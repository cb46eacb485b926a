"""The routes of the clock arithmetic, behind the app that every service has."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from prometheus_client import CollectorRegistry

from services.closed_loop.simulate_api import clock_routes
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics


class Keys:
    """shared.web.access.Access with one key for each scope, named like it."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        return Principal("acme", "k1", frozenset({authorization.removeprefix("Bearer ")}), None)


@pytest_asyncio.fixture
async def clocks() -> AsyncIterator[httpx.AsyncClient]:
    """A client whose key may read cases."""
    registry = CollectorRegistry()
    app = create_app(title="closed_loop", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                     requests=RequestMetrics("closed_loop", registry), routers=[clock_routes()])  # fmt: skip
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://closed-loop", headers={"Authorization": "Bearer cases:read"}
    ) as client:
        yield client
