"""No request of tenant A reads or writes anything of tenant B: every route that any service describes is tried.

A new service is walked as soon as it has a `main`; a new route that can name something fails here until ATTEMPTS says how
to try it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.cli.settings import SERVICES
from shared.contracts.access import Scope
from shared.contracts.topics import ACCESS, ALERTS_EVENTS, CASES_EVENTS, FEEDBACK_BACKFILL, FEEDBACK_EVENTS
from tests.shared.kafka.reading import Mark, mark, read
from tests.system import asking, connecting, importing
from tests.system.attempts import ATTEMPTS, Attempt
from tests.system.belongings import Refusing, acquire, answered, complained, refusing, shown
from tests.system.cases import until_cases
from tests.system.expectations import everything_read
from tests.system.platform import TENANT_SCOPES, Platform, Service

OPEN = {"/health/live", "/health/ready", "/metrics"}
"""Without a key, and so without anything of any tenant: the last test looks."""
ANY_KEY = {"/v1/whoami"}
"""Whatever the key may do: it tells about the key alone."""
PROVEN_OTHERWISE = {"/v1/channels/{channel}/{endpoint}"}
"""A vendor has no key of ours: what is not signed with the endpoint's secret is 401, whatever key comes with it."""
READING: tuple[Scope, ...] = ("metrics:read", "customers:read", "cases:read", "alerts:read")
KNOWN = {**ATTEMPTS, **connecting.ATTEMPTS, **asking.ATTEMPTS, **importing.ATTEMPTS}
WRITES_NOTHING = {"closed_loop POST /v1/clocks/simulate"}
"""A computation, for who may read."""
TOPICS = (FEEDBACK_EVENTS, FEEDBACK_BACKFILL, ACCESS, CASES_EVENTS, ALERTS_EVENTS)
METHODS = ("get", "post", "put", "patch", "delete")
SECRET_OF_B = "b-words-5c1d"
CUSTOMER_OF_B = "b-customer-5c1d"


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
    names_of_b: dict[str, str]
    receiver_of_b: Refusing
    http: httpx.AsyncClient

    @property
    def marks_of_b(self) -> list[str]:
        """What no answer to A may hold, unless A itself has just said it."""
        return [*self.names_of_b.values(), SECRET_OF_B]

    def filled(self, template: Any) -> Any:
        text = json.dumps(template)
        for name, value in self.names_of_b.items():
            text = text.replace(f"{{{name}}}", value)
        return json.loads(text)

    async def ask(self, route: Route, attempt: Attempt, key: str | None) -> httpx.Response:
        path = route.path
        for name, value in self.filled(dict(attempt.path)).items():
            path = path.replace(f"{{{name}}}", value)
        headers = {**attempt.headers, **({} if key is None else {"authorization": f"Bearer {key}"})}
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
        if route.name in KNOWN:
            return KNOWN[route.name]
        assert not route.takes_something, (
            f"`{route.name}` is new: say in ATTEMPTS of tests.system.attempts how tenant A would name there what is tenant B's, "
            f"and whether that is refused or answered without anything of B's"
        )
        return [Attempt((200,))]

    def service(self, name: str) -> Service:
        (service,) = (service for service in self.services if service.name == name)
        return service

    async def belongings(self) -> dict[str, Any]:
        """What closed_loop and alerts show B."""
        loop, alarm = (self.platform.client(self.service(name), self.b) for name in ("closed_loop", "alerts"))
        async with loop as of_cases, alarm as of_alerts:
            found = await shown(of_cases, of_alerts, self.names_of_b)
        async with self.platform.client(self.service("ingest"), self.b) as of_ingest:
            endpoint, surveys = await connecting.shown(of_ingest, self.names_of_b["endpoint"]), await asking.shown(of_ingest)
            imports = await importing.shown(of_ingest, self.names_of_b["import"])
        return {**found, "endpoint": endpoint, "surveys": surveys, "imports": imports}

    async def quiet(self) -> Mark:
        """The ends of the topics, when nothing has been written for a second."""
        async with asyncio.timeout(30):
            ends = await mark(self.platform.kafka_settings, *TOPICS)
            while True:
                await asyncio.sleep(1)
                before, ends = ends, await mark(self.platform.kafka_settings, *TOPICS)
                if ends == before:
                    return ends

    async def numbers(self, key: str) -> Any:
        """n of the tenant's nps and complaints by channel, all that scoring has."""
        told = []
        async with self.platform.client(self.service("scoring"), key) as client:
            await everything_read(client)
            for metric in ("nps", "complaint_rate"):
                answer = await client.get("/v1/metrics", params={"metric": metric, "window": "24h", "group_by": "channel"})
                told += [(metric, item["slice"], item["n"], item["components"]) for item in answer.json()["items"]]
        return told


@pytest_asyncio.fixture(scope="module")
async def world(platform: Platform, ingest: Service, scoring: Service, closed_loop: Service, alerts: Service) -> AsyncIterator[World]:
    """Every service runs. B has numbers in the channel `store`, cases, alerts and deliveries, A one answer and one case in `phone`."""
    started = {service.name: service for service in platform.services}
    await platform.prepare(*SERVICES)
    services = [started.get(name) or await platform.start(name) for name in SERVICES]
    suffix = uuid4().hex[:8]
    tenant_a, tenant_b = f"a-{suffix}", f"b-{suffix}"
    a, b = await platform.key(tenant_a, (*TENANT_SCOPES, "operator")), await platform.key(tenant_b)
    event_of_b, complaint_of_b = uuid4().hex, uuid4().hex
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=30))
        receiver = await stack.enter_async_context(refusing())
        posting, loop, alarm = [await stack.enter_async_context(platform.client(one, b)) for one in (ingest, closed_loop, alerts)]
        events = [answered(event_of_b if n == 0 else f"{n}", "store", CUSTOMER_OF_B, SECRET_OF_B) for n in range(7)]
        assert (await posting.post("/v1/events", json=events)).status_code == 202
        names = await acquire(posting, loop, alarm, receiver, complained(complaint_of_b, "/b", "store", CUSTOMER_OF_B, SECRET_OF_B))
        names |= await connecting.belongings(posting)
        names |= await asking.belongings(posting)
        names |= await importing.belongings(posting)
        names |= {"tenant": tenant_b, "key": b.split("_")[1], "event": event_of_b}
        posting, loop = [await stack.enter_async_context(platform.client(one, a)) for one in (ingest, closed_loop)]
        events = [answered("1", "phone", "a-customer", "words"), complained("2", "/a", "phone", "a-customer", "words")]
        del events[1]["data"]["category"]
        assert (await posting.post("/v1/events", json=events)).status_code == 202
        await until_cases(loop, 1)
        yield World(platform, services, a, b, tenant_a, tenant_b, names, receiver, http)


async def test_tenant_a_reads_and_writes_nothing_of_tenant_b_on_any_route(world: World) -> None:
    before, ours, belongings = await world.numbers(world.b), await world.numbers(world.a), await world.belongings()
    since, told = await world.quiet(), world.receiver_of_b.told

    for route in await world.routes():
        for attempt in world.attempts(route):
            answer = await world.ask(route, attempt, world.a)

            said = f"{route.name} {attempt}: {answer.status_code} {answer.text}"
            assert answer.status_code in attempt.expected, said
            assert not attempt.empty or answer.json()["items"] == [], said
            echoed = json.dumps(world.filled([dict(attempt.path), dict(attempt.query), attempt.json]))
            assert [words for words in world.marks_of_b if words in answer.text and words not in echoed] == [], said
            if answer.is_success:
                assert world.tenant_b not in answer.text and SECRET_OF_B not in answer.text, said

    await world.quiet()
    assert before[0][1:3] == ({"channel": "store"}, 7)
    assert await world.numbers(world.b) == before
    assert await world.numbers(world.a) == ours
    assert [item for item in ours if item[1] == {"channel": "store"} and item[2]] == []
    assert await world.belongings() == belongings
    assert world.receiver_of_b.told == told >= 2
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

            expected = 200 if route.path in OPEN | ANY_KEY else 401 if route.path in PROVEN_OTHERWISE else 403
            assert answer.status_code == expected, f"{route.name}: {answer.status_code} {answer.text}"


async def test_a_key_that_may_only_read_writes_on_no_route(world: World) -> None:
    reading = await world.platform.key(world.tenant_a, READING)
    for service in world.services:
        async with world.platform.client(service, reading):
            pass

    for route in await world.routes():
        if route.method != "get" and route.name not in WRITES_NOTHING:
            for attempt in world.attempts(route):
                answer = await world.ask(route, attempt, reading)

                expected = 401 if route.path in PROVEN_OTHERWISE else 403
                assert answer.status_code == expected, f"{route.name}: {answer.status_code} {answer.text}"


async def test_what_is_open_to_all_tells_nothing_of_any_tenant(world: World) -> None:
    for service in world.services:
        for path in (*sorted(OPEN), "/openapi.json"):
            told = (await world.http.get(service.url + path)).text

            for words in (*world.marks_of_b, world.tenant_a, "a-customer", world.a.split("_")[1], "hb_"):
                assert words not in told or (words == "hb_" and path == "/openapi.json"), f"{service.name}{path}: {words}"


async def test_every_attempt_belongs_to_a_route(world: World) -> None:
    assert set(KNOWN) <= {route.name for route in await world.routes()}


@pytest.mark.parametrize("path", ["/v1/new/{thing}", "/v1/new"])
def test_a_route_that_nobody_thought_of_fails_with_what_to_do(world: World, path: str) -> None:
    with pytest.raises(AssertionError, match="is new: say in ATTEMPTS"):
        world.attempts(Route(world.services[0], "get", path, takes_something=True))
