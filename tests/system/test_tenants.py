"""No request of tenant A reads or writes anything of tenant B: every route that any service describes is tried.

A new service is walked as soon as it has a `main`; a new route that can name something fails here until ATTEMPTS says how
to try it.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.cli.stack.plan import existing_services
from shared.clock import utc_now
from shared.contracts.topics import ACCESS, FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from tests.shared.kafka.reading import mark, read
from tests.system.expectations import everything_read
from tests.system.platform import TENANT_SCOPES, Platform, Service

OPEN = {"/health/live", "/health/ready", "/metrics"}
"""Without a key, and so without anything of any tenant: the last test looks."""
ANY_KEY = {"/v1/whoami"}
"""Whatever the key may do: it tells about the key alone."""
METHODS = ("get", "post", "put", "patch", "delete")
SECRET_OF_B = "b-words-5c1d"
CUSTOMER_OF_B = "b-customer-5c1d"


@dataclass(frozen=True)
class Attempt:
    """A request of A's that names what is B's. `refused` (403, 404, 422), or else answered without anything of B's.

    Values are templates: {tenant} is B's name, {key} the id of B's key, {customer} and {event} are of one of B's events.
    """

    refused: bool
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


EVENT = {
    "type": "feedback.complaint_raised.v1", "id": "{event}", "source": "/b", "time": "2026-03-01T09:30:00Z", "tenant": "{tenant}",
    "data": {"channel": "store", "text": "taken over", "revision": 9, "customer": {"id": "{customer}"}},
}  # fmt: skip

ATTEMPTS: dict[str, list[Attempt]] = {
    "ingest POST /v1/events": [Attempt(True, json=EVENT), Attempt(True, json=[EVENT, EVENT])],
    "ingest POST /v1/keys": [
        Attempt(True, json={"scopes": ["metrics:read"], "tenant": "{tenant}"}),
        Attempt(True, json={"scopes": ["operator"]}),
    ],
    "ingest GET /v1/keys": [Attempt(False, query={"cursor": "", "limit": "500"}), Attempt(False, query={"tenant": "{tenant}"})],
    "ingest DELETE /v1/keys/{key_id}": [Attempt(True, path={"key_id": "{key}"})],
    "ingest POST /v1/tenants": [
        Attempt(True, json={"id": "{tenant}", "name": "taken over"}),
        Attempt(True, json={"id": "new-tenant", "name": "n"}),
    ],
    "ingest GET /v1/tenants": [Attempt(True, query={"cursor": "", "limit": "500"})],
    "scoring GET /v1/metrics": [
        Attempt(False, query={"metric": "complaint_rate", "window": "24h", "group_by": "channel"}),
        Attempt(False, query={"metric": "nps", "window": "24h", "filter": "channel:store"}),
        Attempt(True, query={"metric": "nps", "window": "24h", "filter": "tenant:{tenant}"}),
        Attempt(True, query={"metric": "nps", "window": "24h", "group_by": "tenant"}),
    ],
}
"""How to name what is B's on each route that takes anything, `<service> <METHOD> <path>` as its description has it."""


@dataclass(frozen=True)
class Route:
    service: Service
    method: str
    path: str
    takes_something: bool

    @property
    def name(self) -> str:
        return f"{self.service.name} {self.method.upper()} {self.path}"


@dataclass
class World:
    """Both tenants and every service."""

    platform: Platform
    services: list[Service]
    a: str
    b: str
    tenant_a: str
    tenant_b: str
    event_of_b: str
    http: httpx.AsyncClient

    @property
    def marks_of_b(self) -> list[str]:
        """What no answer to A may hold, unless A itself has just said it."""
        return [self.tenant_b, self.key_id_of_b, self.event_of_b, CUSTOMER_OF_B, SECRET_OF_B]

    @property
    def key_id_of_b(self) -> str:
        return self.b.split("_")[1]

    def filled(self, template: Any) -> Any:
        text = json.dumps(template)
        values = {"tenant": self.tenant_b, "key": self.key_id_of_b, "customer": CUSTOMER_OF_B, "event": self.event_of_b}
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return json.loads(text)

    async def ask(self, route: Route, attempt: Attempt, key: str | None) -> httpx.Response:
        path = route.path
        for name, value in self.filled(dict(attempt.path)).items():
            path = path.replace(f"{{{name}}}", value)
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        body = {} if attempt.json is None else {"json": self.filled(attempt.json)}
        query = self.filled(dict(attempt.query))
        return await self.http.request(route.method.upper(), route.service.url + path, params=query, headers=headers, **body)

    async def routes(self) -> list[Route]:
        """Every described route of every service; all must be tried somehow."""
        found = []
        for service in self.services:
            description = (await self.http.get(f"{service.url}/openapi.json")).json()
            for path, operations in description["paths"].items():
                for method in METHODS:
                    if method in operations:
                        operation = operations[method]
                        takes = [*operations.get("parameters", ()), *operation.get("parameters", ())]
                        named = [p for p in takes if p["in"] in ("path", "query")] or "requestBody" in operation
                        found.append(Route(service, method, path, bool(named)))
        return found

    def attempts(self, route: Route) -> list[Attempt]:
        """How to try a route; a new one fails the test here."""
        if route.name in ATTEMPTS:
            return ATTEMPTS[route.name]
        assert not route.takes_something, (
            f"`{route.name}` is new: say in ATTEMPTS of {__name__} how tenant A would name there what is tenant B's, "
            f"and whether that is refused or answered without anything of B's"
        )
        return [Attempt(False)]

    async def numbers(self, key: str) -> Any:
        """n of the tenant's nps and complaints by channel, all that scoring has."""
        (scoring,) = (service for service in self.services if service.name == "scoring")
        told = []
        async with self.platform.client(scoring, key) as client:
            await everything_read(client)
            for metric in ("nps", "complaint_rate"):
                answer = await client.get("/v1/metrics", params={"metric": metric, "window": "24h", "group_by": "channel"})
                told += [(metric, item["slice"], item["n"], item["components"]) for item in answer.json()["items"]]
        return told


def answered(id: str, channel: str, customer: str, words: str) -> dict[str, Any]:
    data = {"channel": channel, "survey": "s", "comment": words, "customer": {"id": customer, "name": words},
            "answers": [{"question": "q", "instrument": "nps", "score": 9}]}  # fmt: skip
    at = (utc_now() - timedelta(minutes=3)).isoformat()
    return {"type": "feedback.survey_answered.v1", "id": id, "source": "/b", "time": at, "data": data}


@pytest_asyncio.fixture(scope="module")
async def world(platform: Platform, ingest: Service, scoring: Service) -> AsyncIterator[World]:
    """Every service runs, B has events and numbers in the channel `store`, A one event in `phone`."""
    started = {service.name: service for service in platform.services}
    await platform.prepare(*existing_services())
    services = [started.get(name) or await platform.start(name) for name in existing_services()]
    suffix = uuid4().hex[:8]
    tenant_a, tenant_b = f"a-{suffix}", f"b-{suffix}"
    a, b = await platform.key(tenant_a, (*TENANT_SCOPES, "operator")), await platform.key(tenant_b)
    event_of_b = uuid4().hex
    async with httpx.AsyncClient(timeout=30) as http:
        async with platform.client(ingest, b) as client:
            events = [answered(event_of_b if n == 0 else f"{n}", "store", CUSTOMER_OF_B, SECRET_OF_B) for n in range(7)]
            assert (await client.post("/v1/events", json=events)).status_code == 202
        async with platform.client(ingest, a) as client:
            assert (await client.post("/v1/events", json=answered("1", "phone", "a-customer", "words"))).status_code == 202
        yield World(platform, services, a, b, tenant_a, tenant_b, event_of_b, http)


async def test_tenant_a_reads_and_writes_nothing_of_tenant_b_on_any_route(world: World) -> None:
    before, ours = await world.numbers(world.b), await world.numbers(world.a)
    since = await mark(world.platform.kafka_settings, FEEDBACK_EVENTS, FEEDBACK_BACKFILL, ACCESS)

    for route in await world.routes():
        for attempt in world.attempts(route):
            answer = await world.ask(route, attempt, world.a)

            said = f"{route.name} {attempt}: {answer.status_code} {answer.text}"
            assert answer.status_code < 500, said
            assert not attempt.refused or answer.status_code in (403, 404, 422), said
            assert attempt.refused or answer.status_code == 200, said
            echoed = json.dumps(world.filled([dict(attempt.path), dict(attempt.query), attempt.json]))
            assert [words for words in world.marks_of_b if words in answer.text and words not in echoed] == [], said
            if not attempt.refused:
                assert world.tenant_b not in answer.text and SECRET_OF_B not in answer.text, said

    assert before[0][1:3] == ({"channel": "store"}, 7)
    assert await world.numbers(world.b) == before
    assert await world.numbers(world.a) == ours
    assert [item for item in ours if item[1] == {"channel": "store"} and item[2]] == []
    written = [record for record in await read(world.platform.kafka_settings, since) if world.tenant_b.encode() in (record.value or b"")]
    assert written == []


async def test_without_a_key_every_route_but_the_operational_ones_is_401(world: World) -> None:
    for route in await world.routes():
        for attempt in world.attempts(route):
            for key in (None, "hb_nobody_nothing"):
                answer = await world.ask(route, attempt, key)

                assert answer.status_code == (200 if route.path in OPEN else 401), f"{route.name}: {answer.text}"


async def test_a_key_without_the_scope_gets_403_on_every_route(world: World) -> None:
    nothing = await world.platform.key(world.tenant_a, ())
    for service in world.services:
        async with world.platform.client(service, nothing):
            pass

    for route in await world.routes():
        for attempt in world.attempts(route):
            answer = await world.ask(route, attempt, nothing)

            expected = 200 if route.path in OPEN | ANY_KEY else 403
            assert answer.status_code == expected, f"{route.name}: {answer.status_code} {answer.text}"


async def test_what_is_open_to_all_tells_nothing_of_any_tenant(world: World) -> None:
    for service in world.services:
        for path in (*sorted(OPEN), "/openapi.json"):
            told = (await world.http.get(service.url + path)).text

            for words in (*world.marks_of_b, world.tenant_a, "a-customer", world.a.split("_")[1], "hb_"):
                assert words not in told or (words == "hb_" and path == "/openapi.json"), f"{service.name}{path}: {words}"


async def test_every_attempt_belongs_to_a_route(world: World) -> None:
    assert set(ATTEMPTS) <= {route.name for route in await world.routes()}


@pytest.mark.parametrize("path", ["/v1/new/{thing}", "/v1/new"])
def test_a_route_that_nobody_thought_of_fails_with_what_to_do(world: World, path: str) -> None:
    with pytest.raises(AssertionError, match="is new: say in ATTEMPTS"):
        world.attempts(Route(world.services[0], "get", path, takes_something=True))
