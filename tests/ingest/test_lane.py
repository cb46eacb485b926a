"""The fast lane answers `POST /v1/events` as the app's own route would, and leaves everything else to the app."""

import json
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from services.ingest.api import event_routes
from services.ingest.lane import FastLane
from shared.contracts.examples import EXAMPLES
from shared.web.access import Principal, bearer_token, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.ingest.partitions import PARTITIONS, Partitions
from tests.ingest.test_events import SETTINGS, events_on

EVENT = EXAMPLES["feedback.idea_submitted.v1"]
LIMIT = 3000
SMALL = SETTINGS.model_copy(update={"max_body_bytes": LIMIT})


class Keys:
    """shared.web.access.Access with two keys: `writer`, and `reader`, which may not write."""

    def known(self, token: str) -> Principal | None:
        return {"writer": Principal("acme", "k1", frozenset({"ingest:write"}), None)}.get(token)

    async def authenticate(self, authorization: str | None) -> Principal:
        token = bearer_token(authorization)
        if token == "reader":
            return Principal("acme", "k2", frozenset({"metrics:read"}), None)
        principal = self.known(token)
        if principal is None:
            raise unauthorized("this key is not known")
        return principal


def serve(log: Partitions) -> tuple[ASGIApp, ASGIApp, CollectorRegistry]:
    """The lane in front of the app, and the app alone, on one log."""
    registry, keys = CollectorRegistry(), Keys()
    events, requests = events_on(log, settings=SMALL), RequestMetrics("ingest", registry)
    app = create_app(title="ingest", description="", access=keys, health=Health(), registry=registry, requests=requests,  # type: ignore[arg-type]
                     routers=[event_routes(events)], max_body_bytes=LIMIT)  # fmt: skip
    return FastLane(app, events_on(log, settings=SMALL), keys, requests), app, registry  # type: ignore[arg-type]


async def ask(app: ASGIApp, method: str = "POST", path: str = "/v1/events", key: str | None = "writer", **request: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = request.pop("headers", {}) | ({} if key is None else {"authorization": f"Bearer {key}"})
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        return await client.request(method, path, headers=headers, **request)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": EVENT},
        {"json": [EVENT, {}], "headers": {"prefer": "return=representation"}},
        {"json": EVENT, "key": None},
        {"json": EVENT, "key": "reader"},
        {"json": EVENT, "key": "stranger"},
        {"content": b"no json"},
        {"json": {**EVENT, "tenant": "umbrella"}},
        {"json": {**EVENT, "data": {"channel": "fax", "secret": 1}}},
        {"content": b" " * (LIMIT + 1)},
        {"json": [EVENT] * 51},
    ],
    ids=["one", "batch", "no key", "no scope", "unknown key", "no json", "foreign", "invalid", "too large", "too many"],
)
async def test_the_lane_and_the_route_answer_alike(request_: dict[str, Any]) -> None:
    lane, app, _ = serve(Partitions())

    fast, slow = await ask(lane, **request_), await ask(app, **request_)

    assert (fast.status_code, fast.json()) == (slow.status_code, slow.json())
    for name in ("content-type", "www-authenticate", "retry-after", "content-length"):
        assert fast.headers.get(name) == slow.headers.get(name)


async def test_the_lane_and_the_route_alike_say_when_to_come_again() -> None:
    log = Partitions()
    log.refused = set(range(PARTITIONS))
    lane, app, _ = serve(log)

    fast, slow = await ask(lane, json=EVENT), await ask(app, json=EVENT)

    assert fast.status_code == slow.status_code == 503
    assert fast.json() == slow.json()
    assert fast.headers["retry-after"] == slow.headers["retry-after"] == "5"


@pytest.mark.parametrize("declared", [True, False], ids=["announced", "in chunks"])
async def test_a_body_over_the_limit_is_413_whether_announced_or_not(declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(4):
            yield b" " * (LIMIT // 3)

    lane, app, _ = serve(Partitions())
    for target in (lane, app):
        answer = await ask(target, content=b" " * (LIMIT + 1) if declared else chunks())

        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:hearback:problem:body_too_large"


async def test_what_is_not_the_event_endpoint_goes_to_the_app() -> None:
    lane, _, _ = serve(Partitions())

    assert (await ask(lane, "GET")).status_code == 405
    assert (await ask(lane, "GET", "/v1/whoami")).json()["tenant"] == "acme"
    assert (await ask(lane, "GET", "/v1/events/7")).status_code == 404


async def test_an_error_that_nobody_foresaw_is_a_problem_without_detail_and_is_counted() -> None:
    log = Partitions()
    log.partition_for = lambda topic, key: 1 // 0  # type: ignore[method-assign]
    lane, app, registry = serve(log)

    answers = [await ask(lane, json=EVENT), await ask(app, json=EVENT)]

    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        assert "division" not in answer.text
    labels = {"route": "/v1/events", "method": "POST", "status": "500"}
    assert registry.get_sample_value("hearback_ingest_http_requests_total", labels) == 2


async def test_requests_are_counted_by_route_and_status() -> None:
    lane, _, registry = serve(Partitions())

    await ask(lane, json=EVENT)
    await ask(lane, json={})

    for status in ("202", "422"):
        labels = {"route": "/v1/events", "method": "POST", "status": status}
        assert registry.get_sample_value("hearback_ingest_http_requests_total", labels) == 1


async def test_the_description_of_the_api_has_an_example_of_every_type() -> None:
    lane, _, _ = serve(Partitions())

    content = (await ask(lane, "GET", "/openapi.json", key=None)).json()["paths"]["/v1/events"]["post"]["requestBody"]["content"]

    assert content["application/json"]["examples"] == {name: {"value": json.loads(json.dumps(event))} for name, event in EXAMPLES.items()}
