"""POST /v1/clocks/simulate: what it takes, what it refuses and how, and the shape of its answer."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.closed_loop.domain.documents import TargetBody
from services.closed_loop.domain.facts import OpenTime
from services.closed_loop.simulate_api import Simulation, simulate

REQUEST: dict[str, Any] = {
    "calendar": {
        "zone": "Europe/Berlin",
        "windows": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "holidays": ["2026-04-03"],
    },
    "clock": {"target_seconds": 7200, "warn_at_percent": [75, 50, 75]},
    "facts": [{"at": "2026-04-02T16:30:00+02:00", "kind": "started"}, {"at": "2026-04-06T09:15:00+02:00", "kind": "paused", "reason": "x"}],
    "as_of": "2026-04-06T09:30:00+02:00",
}


def changed(**parts: Any) -> dict[str, Any]:
    """The request with parts of its parts replaced: calendar={"zone": …}."""
    request = deepcopy(REQUEST)
    for name, value in parts.items():
        request[name] = {**request[name], **value} if isinstance(value, dict) else value
    return request


async def refused(clocks: httpx.AsyncClient, request: dict[str, Any]) -> tuple[str, list[Any]]:
    """The kind of the 422 and where it points."""
    answer = await clocks.post("/v1/clocks/simulate", json=request)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    return body["type"].removeprefix("urn:hearback:problem:"), body["errors"][0]["loc"]


async def test_a_reading_is_answered_whole(clocks: httpx.AsyncClient) -> None:
    answer = await clocks.post("/v1/clocks/simulate", json=REQUEST)

    assert answer.json() == {
        "status": "paused",
        "due_at": None,
        "breached_at": None,
        "late_seconds": 0.0,
        "elapsed_seconds": 2700.0,
        "paused_seconds": 900.0,
        "remaining_seconds": 4500.0,
        "warnings": [],
        "cycles": [],
        "explanation": [
            {"from": "2026-04-02T14:30:00Z", "to": "2026-04-02T15:00:00Z", "counted_seconds": 1800.0, "why": "open"},
            {"from": "2026-04-02T15:00:00Z", "to": "2026-04-02T22:00:00Z", "counted_seconds": 0.0, "why": "closed"},
            {"from": "2026-04-02T22:00:00Z", "to": "2026-04-03T22:00:00Z", "counted_seconds": 0.0, "why": "holiday"},
            {"from": "2026-04-03T22:00:00Z", "to": "2026-04-06T07:00:00Z", "counted_seconds": 0.0, "why": "closed"},
            {"from": "2026-04-06T07:00:00Z", "to": "2026-04-06T07:15:00Z", "counted_seconds": 900.0, "why": "open"},
            {"from": "2026-04-06T07:15:00Z", "to": "2026-04-06T07:30:00Z", "counted_seconds": 0.0, "why": "paused"},
        ],
    }


async def test_finished_cycles_are_answered_with_their_own_seconds(clocks: httpx.AsyncClient) -> None:
    facts = [{"at": "2026-04-02T16:30:00+02:00", "kind": "started"}, {"at": "2026-04-02T16:45:00+02:00", "kind": "stopped"}]

    reading = (await clocks.post("/v1/clocks/simulate", json=changed(facts=facts))).json()

    assert reading["status"] == "met"
    cycle = {"started_at": "2026-04-02T14:30:00Z", "stopped_at": "2026-04-02T14:45:00Z", "elapsed_seconds": 900.0, "met": True}
    assert reading["cycles"] == [cycle]


async def test_the_example_of_the_documentation_is_answered(clocks: httpx.AsyncClient) -> None:
    document = (await clocks.get("/openapi.json")).json()
    example = document["components"]["schemas"]["Simulation"]["examples"][0]

    answer = await clocks.post("/v1/clocks/simulate", json=example)

    assert (answer.status_code, answer.json()["due_at"]) == (200, "2026-04-07T09:00:00Z")


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("Bearer cases:write", 403)])
async def test_only_a_key_that_may_read_cases_is_answered(clocks: httpx.AsyncClient, key: str | None, status: int) -> None:
    clocks.headers.pop("Authorization")

    answer = await clocks.post("/v1/clocks/simulate", json=REQUEST, headers={"Authorization": key} if key else {})

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("request_", "kind", "loc"),
    [
        (changed(calendar={"zone": "Europe/Atlantis"}), "unknown_zone", ["body", "calendar", "zone"]),
        (changed(calendar={"windows": {}}), "unreachable", ["body", "calendar"]),
        (changed(calendar={"windows": {"mon": [["22:00", "06:00"]]}}), "reversed_window", ["body", "calendar", "windows", "mon", 0]),
        (changed(calendar={"special_days": {"2026-12-24": [["09:00", "24:30"]]}}), "invalid_time",
         ["body", "calendar", "special_days", "2026-12-24", 0, 1]),
        (changed(facts=[]), "not_started", ["body", "facts"]),
        (changed(clock={"target_seconds": 1e9}, calendar={"windows": {"mon": [["09:00", "09:01"]]}}), "unreachable", ["body"]),
        (changed(as_of="2199-01-01T00:00:00Z", clock={"due_at": "2026-05-01T00:00:00Z", "target_seconds": None}), "explanation_too_long",
         ["body", "as_of"]),
    ],
)  # fmt: skip
async def test_what_the_domain_refuses_has_a_kind_of_its_own(
    clocks: httpx.AsyncClient, request_: dict[str, Any], kind: str, loc: list[Any]
) -> None:
    request_["facts"] = [fact for fact in request_["facts"] if fact["kind"] == "started"]

    assert await refused(clocks, request_) == (kind, loc)


@pytest.mark.parametrize(
    ("request_", "loc"),
    [
        (changed(as_of="2026-04-06T09:30:00"), ["body", "as_of"]),
        (changed(clock={"due_at": "2026-05-01T00:00:00Z"}), ["body", "clock"]),
        (changed(clock={"target_seconds": 0}), ["body", "clock", "target_seconds"]),
        (changed(clock={"target_seconds": "7200"}), ["body", "clock", "target_seconds"]),
        (changed(clock={"warn_at_percent": [0]}), ["body", "clock", "warn_at_percent", 0]),
        (changed(clock={"target_hours": 2}), ["body", "clock", "target_hours"]),
        (changed(calendar={"holidays": [1767225600]}), ["body", "calendar", "holidays", 0]),
        (changed(calendar={"holidays": ["2026-02-30"]}), ["body", "calendar", "holidays", 0]),
        (changed(calendar={"special_days": {"1767225600": []}}), ["body", "calendar", "special_days", "1767225600", "[key]"]),
        (changed(calendar={"windows": {"monday": []}}), ["body", "calendar", "windows", "monday", "[key]"]),
        (changed(facts=[{"at": "2026-04-02T16:30:00Z", "kind": "begun"}]), ["body", "facts", 0, "kind"]),
        (changed(facts=[{"at": "2026-04-02T16:30:00Z", "kind": "retargeted"}]), ["body", "facts", 0]),
        (changed(facts=[{"at": "2026-04-02T16:30:00Z", "kind": "started", "target_seconds": 5}]), ["body", "facts", 0]),
        (changed(facts=[REQUEST["facts"][0]] * 1001), ["body", "facts"]),
        (changed(calendar={"holidays": ["2026-01-01"] * 5001}), ["body", "calendar", "holidays"]),
    ],
)
async def test_what_the_models_refuse_is_told_field_by_field(clocks: httpx.AsyncClient, request_: dict[str, Any], loc: list[Any]) -> None:
    assert await refused(clocks, request_) == ("invalid_request", loc)


@given(st.integers(1, 10**15))
def test_seconds_keep_every_microsecond_on_the_way_in_and_out(microseconds: int) -> None:
    duration = timedelta(microseconds=microseconds)

    body = TargetBody(target_seconds=duration.total_seconds())

    assert body.target() == OpenTime(duration)


@given(st.permutations([*REQUEST["facts"], {"at": "2026-04-06T09:20:00+02:00", "kind": "retargeted", "target_seconds": 600}]))
def test_the_order_in_the_request_does_not_matter(facts: list[dict[str, Any]]) -> None:
    reading = simulate(Simulation.model_validate(changed(facts=facts)))

    assert (reading.status, reading.breached_at is not None, reading.late_seconds) == ("breached", True, 2100.0)
