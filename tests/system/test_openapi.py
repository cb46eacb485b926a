"""What every service says of its API is true: whatever is asked, rightly or wrongly, is answered with a status and a body as described,
and never with a 5xx. What ids name exists, so that operations are really done.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio
import schemathesis
from prometheus_client.parser import text_string_to_metric_families

from tests.system import asking, connecting, importing
from tests.system.attempts import Attempt
from tests.system.belongings import acquire, complained, refusing
from tests.system.platform import TENANT_SCOPES, Platform, Service
from tests.system.test_tenants import KNOWN, Route, World

ROLES = ("events", "access", "channels", "imports", "surveys")
"""All that have routes; `pulls` would call the vendors of the endpoints that are made here."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 3
"""Made requests of an operation, some as its description wants them and some not."""
NAMES = {
    "endpoint": "endpoint", "unreadable": "unreadable", "import_id": "import", "survey_id": "survey", "invitation_id": "invitation",
    "case_id": "case", "calendar_id": "calendar", "/v1/rules/{id}": "rule", "/v1/receivers/{id}": "receiver", "/v1/alerts/{id}": "alert",
    "/v1/deliveries/{id}": "delivery", "/v1/tenants/{id}": "tenant", "key_id": "key", "channel": "channel", "place_id": "place",
    "way": "way",
}  # fmt: skip
"""What a parameter of a path, or the beginning of a path, names: as tests.system.belongings has it."""
LIKELY = 0.7
"""How often a parameter is the name of something that exists."""
OPERATORS = "/v1/tenants"
"""Whose key is another."""
DRAWN = "drawn-5c1d"
"""A survey that somebody has completed for a draw."""
ALSO: dict[str, list[Attempt]] = {
    "ingest POST /v1/tenants": [Attempt((), json={"id": "{tenant}-too", "name": "Another"})],
    "ingest GET /v1/tenants/{id}": [Attempt((), path={"id": "{tenant}"})],
    "ingest PATCH /v1/tenants/{id}": [Attempt((), path={"id": "{tenant}"}, json={"name": "Renamed"})],
    "ingest POST /v1/keys": [Attempt((), json={"scopes": ["metrics:read"]})],
    "ingest POST /v1/events": [Attempt((), json=complained("{event}", "/b", "store", "b-customer", "words"))],
    "ingest GET /v1/channels/{channel}/{endpoint}": [
        Attempt((), path={"channel": "messenger", "endpoint": "{prober}"},
                query={"hub.mode": "subscribe", "hub.verify_token": "a-token", "hub.challenge": "17"}),
    ],
    "ingest POST /v1/imports/{import_id}/start": [Attempt((), path={"import_id": "{ready}"})],
    "ingest POST /v1/surveys/{survey_id}/draws": [Attempt((), path={"survey_id": DRAWN}, json={"winners": 1})],
    "closed_loop POST /v1/cases/{case_id}/assign": [Attempt((), path={"case_id": "{case}"})],  # without a body
    "alerts POST /v1/deliveries/{id}/replay": [Attempt((), path={"id": "{dead}"})],
}  # fmt: skip
"""What is asked beside the attempts of tests.system.attempts, mostly because its owner is answered with success where no attempt is."""
BEGINS, ENDS = ("replay", "retarget"), ("resolve", "close", "reopen", "withdraw")
"""What is done first, while clocks run and nothing newer was told; and what is done to a case last, in this order: after it the rest is
refused."""
PROBER = {"channel": "messenger", "name": "Prober", "secrets": {"app_secret": "a-secret", "verify_token": "a-token"}}


def configuration(described: dict[str, Any], names: dict[str, str], keys: dict[str, str]) -> str:
    """What schemathesis is told in its file: for the parameters of each path what exists, except where that would be deleted."""
    text = [f'headers = {{ Authorization = "Bearer {keys["tenant"]}" }}']
    known = {parameter: name for parameter, name in NAMES.items() if name in names}
    text += [f'[dictionaries.{name}]\nvalues = ["{names[name]}"]' for name in known.values()]
    for path, operations in described.items():
        for method in operations:
            lines = [f'[[operations]]\ninclude-path = "{path}"\ninclude-method = "{method.upper()}"']
            bound = {part: name for part, name in known.items() if f"{{{part}}}" in path or path.startswith(part)}
            if bound and method != "delete":
                of = {"id" if part.startswith("/") else part: name for part, name in bound.items()}
                values = ", ".join(f'"path.{part}" = {{ dictionary = "{name}", probability = {LIKELY} }}' for part, name in of.items())
                lines.append(f"parameters = {{ {values} }}")
            if path == OPERATORS:
                lines.append(f'headers = {{ Authorization = "Bearer {keys["operator"]}" }}')
            if len(lines) > 1:
                text.append("\n".join(lines))
    return "\n".join(text)


async def examined(service: Service, folder: Path, seed: int) -> tuple[int | None, str]:
    """Let schemathesis try it, which is configured in this folder; the exit code and what it said."""
    command = [
        "run", f"{service.url}/openapi.json", "--checks", CHECKS, "--phases", "examples,fuzzing", "--max-examples", str(EXAMPLES),
        "--seed", str(seed), "--continue-on-failure", "--generation-database", "none", "--no-color",
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *command,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    return process.returncode, told.decode()


async def statuses(service: Service) -> dict[str, set[int]]:
    """By name of the route, with which statuses this process has answered."""
    async with httpx.AsyncClient() as client:
        families = text_string_to_metric_families((await client.get(f"{service.url}/metrics")).text)
    found: dict[str, set[int]] = {}
    for sample in (sample for family in families for sample in family.samples if sample.name.endswith("_http_requests_total")):
        name = f"{service.name} {sample.labels['method']} {sample.labels['route']}"
        found.setdefault(name, set()).add(int(sample.labels["status"]))
    return found


@pytest_asyncio.fixture
async def world(platform: Platform, scoring: Service, closed_loop: Service, alerts: Service) -> AsyncIterator[World]:
    """A tenant that has one of everything; both tenants of this world are it. Its ingest calls no vendor."""
    ingest = await platform.start("ingest", roles=ROLES)
    services, tenant = [ingest, scoring, closed_loop, alerts], f"described-{uuid4().hex[:8]}"
    key = await platform.key(tenant)
    async with AsyncExitStack() as stack:
        http, receiver = await stack.enter_async_context(httpx.AsyncClient(timeout=30)), await stack.enter_async_context(refusing())
        posting, _, loop, alarm = [await stack.enter_async_context(platform.client(one, key)) for one in services]
        names = await acquire(posting, loop, alarm, receiver, complained(uuid4().hex, "/b", "store", "b-customer", "words"))
        for more in (connecting, asking, importing):
            names |= await more.belongings(posting)
        names["prober"] = (await posting.post("/v1/endpoints", json=PROBER)).json()["id"]
        names["ready"] = (await importing.belongings(posting, b"time,complaint\n2025-01-02T09:00:00Z,late\n"))["import"]
        names["dead"] = (await alarm.get("/v1/deliveries", params={"state": "dead", "limit": 1})).json()["items"][0]["id"]
        await asking.complete_for_a_draw(posting, DRAWN)
        names["key"] = (await posting.post("/v1/keys", json={"scopes": ["metrics:read"]})).json()["id"]
        names |= {"tenant": tenant, "channel": "typeform", "event": uuid4().hex}
        yield World(platform, services, key, key, tenant, tenant, names, receiver, http)
    await platform.stop(ingest)


def place(route: Route) -> int:
    """What ends a case comes behind all that is done to one."""
    command = route.path.rpartition("/")[2]
    return -1 if command in BEGINS else 1 + ENDS.index(command) if command in ENDS else 0


async def walk(world: World, routes: Sequence[Route], keys: dict[str, str]) -> None:
    """Do everything that attempts name to one's own, and hold each answer against the description."""
    described = {
        service.name: schemathesis.openapi.from_dict((await world.http.get(f"{service.url}/openapi.json")).json())
        for service in world.services
    }
    for route in routes:
        key = keys["operator" if route.path == OPERATORS else "tenant"]
        for attempt in [*ALSO.get(route.name, ()), *KNOWN.get(route.name, [Attempt(())])]:
            answer = await world.ask(route, attempt, key)

            assert answer.status_code < 500, f"{route.name} {attempt}: {answer.text}"
            described[route.service.name][route.path][route.method.upper()].validate_response(answer)


async def test_operations_are_done_and_every_answer_is_as_described(world: World, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    keys = {"tenant": world.a, "operator": await world.platform.key("system", [*TENANT_SCOPES, "operator"])}
    routes = sorted(await world.routes(), key=place)
    for service in world.services:
        (tmp_path / service.name).mkdir()
        described = (await world.http.get(f"{service.url}/openapi.json")).json()["paths"]
        (tmp_path / service.name / "schemathesis.toml").write_text(configuration(described, world.names_of_b, keys))

    await walk(world, [route for route in routes if route.method != "delete"], keys)
    results = await asyncio.gather(*(examined(service, tmp_path / service.name, seed) for service in world.services))
    await walk(world, [route for route in routes if route.method == "delete"], keys)

    for service, (_, told) in zip(world.services, results, strict=True):
        print(service.name, told[-4000:])
    answered = {name: found for service in world.services for name, found in (await statuses(service)).items()}
    assert [code for code, _ in results] == [0] * len(world.services)
    done = {name for name, found in answered.items() if any(status < 300 for status in found)}
    assert [route.name for route in routes if route.name not in done] == []
