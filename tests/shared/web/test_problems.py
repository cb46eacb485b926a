"""Errors over HTTP: one shape, a stable type, what to do, and nothing of our insides; limits; health; metrics by route."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp
from structlog.testing import capture_logs

from shared.clock import utc_now
from shared.settings import KafkaSettings
from shared.web.access import Access
from shared.web.health import SILENT_AFTER_SECONDS, Health
from tests.shared.web.serving import LIMIT, ask, serve


@pytest.fixture
async def access() -> Access:
    return Access(KafkaSettings(bootstrap="127.0.0.1:1"), utc_now)


@pytest.fixture
async def app(access: Access) -> ASGIApp:
    return serve(access)


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "kind"),
    [
        ("GET", "/v1/notes/404", {}, 404, "not_found"),
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("DELETE", "/v1/notes", {}, 405, "method_not_allowed"),
        ("GET", "/v1/notes/words", {}, 422, "invalid_request"),
        ("POST", "/v1/notes", {"json": {"text": "a", "stars": 6}}, 422, "invalid_request"),
        ("POST", "/v1/notes", {"content": b"{", "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("POST", "/v1/notes", {"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 422, "invalid_request"),
        ("POST", "/v1/notes", {"content": b'{"text":' + b"[" * 1900, "headers": {"content-type": "application/json"}}, None, None),
        ("GET", "/v1/notes/503", {}, 503, "unavailable"),
        ("GET", "/v1/notes/500", {}, 500, "internal"),
        ("GET", "/v1/whoami", {}, 401, "unauthorized"),
    ],
)
async def test_every_error_is_a_problem_of_a_stable_type(
    app: ASGIApp, method: str, path: str, request_: dict[str, Any], status: int | None, kind: str | None
) -> None:
    answer = await ask(app, method, path, **request_)

    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code == problem["status"]
    assert status is None or (answer.status_code, problem["type"]) == (status, f"urn:hearback:problem:{kind}")
    assert 400 <= answer.status_code < 500 or status in (500, 503)
    assert problem["title"] and problem["detail"]
    assert "secret" not in answer.text and "Traceback" not in answer.text


async def test_why_a_dependency_was_away_is_told_to_the_log_and_not_to_the_client(app: ASGIApp) -> None:
    with capture_logs() as lines:
        answer = await ask(app, "GET", "/v1/notes/503")

    assert "secret" not in answer.text
    refused = {"action": "request_refused", "route": "/v1/notes/{note}", "dependency": "postgres", "detail": "secret-address"}
    assert [line for line in lines if line.items() >= refused.items()]


async def test_what_is_wrong_is_told_field_by_field_and_never_with_the_value(app: ASGIApp) -> None:
    answer = await ask(app, "POST", "/v1/notes", json={"text": ["secret"], "stars": 6})

    errors = answer.json()["errors"]
    assert [error["loc"] for error in errors] == [["body", "text"], ["body", "stars"]]
    assert all(error["msg"] for error in errors)
    assert "secret" not in answer.text


async def test_an_unavailable_dependency_says_when_to_come_again(app: ASGIApp) -> None:
    answer = await ask(app, "GET", "/v1/notes/503")

    assert answer.headers["retry-after"] == "5"
    assert "postgres" in answer.json()["detail"]


async def test_a_refused_caller_gets_the_challenge(app: ASGIApp) -> None:
    assert (await ask(app, "GET", "/v1/whoami")).headers["www-authenticate"].startswith("Bearer")


async def chunks(size: int) -> AsyncIterator[bytes]:
    yield b'{"text": "'
    for _ in range(size // 100):
        yield b"x" * 100
    yield b'"}'


async def test_a_body_over_the_limit_is_413_announced_or_in_chunks(app: ASGIApp) -> None:
    announced = await ask(app, "POST", "/v1/notes", json={"text": "x" * LIMIT})
    chunked = await ask(app, "POST", "/v1/notes", content=chunks(LIMIT), headers={"content-type": "application/json"})

    for answer in (announced, chunked):
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:hearback:problem:body_too_large")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_below_the_limit_is_taken_in_chunks_too(app: ASGIApp) -> None:
    answer = await ask(app, "POST", "/v1/notes", content=chunks(LIMIT - 200), headers={"content-type": "application/json"})

    assert answer.status_code == 200
    assert len(answer.json()["text"]) == LIMIT - 200


async def test_requests_are_counted_by_route_template_and_never_by_path(access: Access) -> None:
    registry = CollectorRegistry()
    app = serve(access, registry=registry)
    for path in ("/v1/notes/404", "/v1/notes/500", "/v1/secret-path", "/v1/notes/words"):
        await ask(app, "GET", path)

    exposition = (await ask(app, "GET", "/metrics")).text

    assert 'hearback_notes_http_requests_total{method="GET",route="/v1/notes/{note}",status="404"} 1.0' in exposition
    assert 'hearback_notes_http_requests_total{method="GET",route="/v1/notes/{note}",status="500"} 1.0' in exposition
    assert 'route="unmatched",status="404"} 1.0' in exposition
    assert "secret" not in exposition


async def test_a_loop_that_went_silent_makes_the_process_not_live_and_a_beat_makes_it_live_again(access: Access) -> None:
    now = 0.0
    health = Health(lambda: now)
    beat = health.beater("consumer")
    health.beater("relay")
    app = serve(access, health)
    now = SILENT_AFTER_SECONDS
    beat()
    fresh = await ask(app, "GET", "/health/live")
    now += 1

    silent = await ask(app, "GET", "/health/live")
    health.beater("relay")
    again = await ask(app, "GET", "/health/live")

    assert (fresh.status_code, silent.status_code, again.status_code) == (200, 503, 200)
    assert silent.json()["detail"] == "no longer turning: relay"


async def test_not_ready_says_everything_that_is_missing(access: Access) -> None:
    missing: list[str | None] = ["keys are not read yet", None, "no database"]
    health = Health()
    for place in range(3):

        async def check(place: int = place) -> str | None:
            return missing[place]

        health.add_check(check)
    app = serve(access, health)
    before = await ask(app, "GET", "/health/ready")
    missing[:] = [None, None, None]

    after = await ask(app, "GET", "/health/ready")

    assert (before.status_code, after.status_code) == (503, 200)
    assert before.json()["detail"] == "keys are not read yet; no database"
    assert (await access.missing()) == "keys are not read yet"


async def test_what_is_missing_and_not_needed_is_told_by_a_process_that_is_ready(access: Access) -> None:
    missing: str | None = "no database"
    health = Health()

    async def check() -> str | None:
        return missing

    health.add_check(check, needed=False)
    app = serve(access, health)
    before = await ask(app, "GET", "/health/ready")
    missing = None
    after = await ask(app, "GET", "/health/ready")

    assert (before.status_code, before.json()) == (200, {"status": "degraded", "detail": "no database"})
    assert (after.status_code, after.json()) == (200, {"status": "ready"})
