"""The routes of cases, commands and configuration, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.closed_loop.api import closed_loop_routes
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.closed_loop.cases.world import SECOND, SOURCE, World, answered, case_of, complaint, nps, policies, reply, utc_now

HOUR = timedelta(hours=1)
ALL = frozenset({"cases:read", "cases:write", "admin"})
RESPOND = {"text": "We are sorry.", "next_step": "a courier comes", "promised_at": "2030-01-01T12:00:00Z"}
RESOLVE = {"outcome": "sent again", "inform_text": "It is on its way."}


class Keys:
    """shared.web.access.Access with keys `<tenant>` that may everything and `<tenant>/<scope>` that may one thing."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant, _, scope = authorization.removeprefix("Bearer ").partition("/")
        return Principal(tenant, f"k-{tenant}", frozenset({scope}) if scope else ALL, None)


@pytest_asyncio.fixture
async def api(world: World) -> AsyncIterator[httpx.AsyncClient]:
    registry = CollectorRegistry()
    app = create_app(title="closed_loop", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                     requests=RequestMetrics("closed_loop", registry),
                     routers=closed_loop_routes(world.sessions, world.calendars))  # fmt: skip
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://closed-loop", headers={"Authorization": "Bearer acme"}
    ) as client:
        yield client


async def post(api: httpx.AsyncClient, case: str, command: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.post(f"/v1/cases/{case}/{command}", json=body, headers=named)


async def done(api: httpx.AsyncClient, case: str, command: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    response = await post(api, case, command, body)
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


def clock(view: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(clock for clock in view["clocks"] if clock["kind"] == kind)
    return found


async def test_a_complaint_is_walked_back_to_the_customer(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a", at=utc_now() - HOUR, customer={"id": "c1"}))
    case = case_of("a")

    acknowledged = await done(api, case, "acknowledge")
    responded = await done(api, case, "respond", RESPOND)
    resolved = await done(api, case, "resolve", RESOLVE)
    closed = await done(api, case, "close")

    assert (acknowledged["state"], acknowledged["missing"]) == ("acknowledged", ["responded", "informed"])
    assert (responded["missing"], clock(responded, "first_response")["status"]) == (["informed"], "met")
    assert (responded["next_step"], responded["promised_at"]) == ("a courier comes", "2030-01-01T12:00:00Z")
    assert (resolved["state"], resolved["missing"], clock(resolved, "resolution")["status"]) == ("resolved", [], "met")
    assert (closed["state"], closed["version"]) == ("closed", 5)
    entries = [entry["entry"] for entry in closed["timeline"]]
    assert entries == ["feedback.complaint_raised.v1", "clock.started", "clock.started", "acknowledge", "respond", "clock.met",
                       "resolve", "clock.met", "close"]  # fmt: skip
    assert closed["timeline"][4]["actor"] == "key:k-acme"
    assert "We are sorry." in closed["timeline"][4]["text"]
    assert closed["timeline"][-1]["details"]["changes"]["state"] == {"before": "resolved", "after": "closed"}
    assert (await world.story(case))[-1] == "case.closed"
    said = await world.said(case)
    assert [one.sequence for one in said] == list(range(1, len(said) + 1))
    assert all(text not in str(one.data) for one in said for text in ("sorry", "courier", "sent again", "late again"))


async def test_a_refused_command_answers_409_with_its_reason_as_data(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    case = case_of("a")

    early = await post(api, case, "close")
    await done(api, case, "resolve", RESOLVE)
    incomplete = await post(api, case, "close")
    not_paused = await post(api, case, "resume")
    past = await post(api, case, "pause", {"reason": "waiting_on_customer", "until": "2026-01-01T00:00:00Z"})

    assert [response.status_code for response in (early, incomplete, not_paused, past)] == [409] * 4
    assert early.json()["type"] == "urn:hearback:problem:not_in_this_state"
    assert early.json()["reason"] == {"command": "close", "state": "received", "allowed_in": ["resolved", "following_up"]}
    assert incomplete.json()["reason"] == {"missing": ["responded"]}
    types = [response.json()["type"] for response in (not_paused, past)]
    assert types == ["urn:hearback:problem:not_paused", "urn:hearback:problem:pause_limit_passed"]
    assert (await api.get(f"/v1/cases/{case}")).json()["version"] == 2


@pytest.mark.parametrize("ended", ["close", "withdraw"])
async def test_a_case_that_is_over_takes_notes_only(world: World, api: httpx.AsyncClient, ended: str) -> None:
    await world.happen(complaint("a"))
    case = case_of("a")
    if ended == "close":
        await done(api, case, "respond", RESPOND)
        await done(api, case, "resolve", RESOLVE)
        await done(api, case, "close")
    else:
        withdrawn = await done(api, case, "withdraw", {"reason": "found it"})
        assert {clock["status"] for clock in withdrawn["clocks"]} == {"cancelled"}

    refused = [await post(api, case, "respond", RESPOND), await post(api, case, "resolve", RESOLVE), await post(api, case, "acknowledge"),
               await post(api, case, "assign", {"owner": "ann"}), await post(api, case, "withdraw", {"reason": "again"}),
               await post(api, case, "pause", {"reason": "holiday", "until": "2030-01-01T00:00:00Z"}),
               await post(api, case, "retarget", {"clock": "resolution", "target_seconds": 5, "reason": "x"})]  # fmt: skip
    noted = await done(api, case, "note", {"text": "for the record"})

    assert {response.status_code for response in refused} == {409}
    assert noted["timeline"][-1]["text"] == "for the record"


async def test_of_two_people_who_saw_the_same_version_the_second_gets_412_and_nothing_is_lost(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    case = case_of("a")
    seen = (await api.get(f"/v1/cases/{case}")).headers["ETag"]

    answers = await asyncio.gather(
        post(api, case, "assign", {"owner": "ann"}, If_Match=seen), post(api, case, "assign", {"owner": "bob"}, If_Match=seen)
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    winner = next(answer.json() for answer in answers if answer.status_code == 200)
    loser = next(answer for answer in answers if answer.status_code == 412)
    assert (loser.json()["version"], loser.headers["ETag"]) == (2, '"2"')
    present = (await api.get(f"/v1/cases/{case}")).json()
    assert (present["owner"], present["version"]) == (winner["owner"], 2)
    assert [one["entry"] for one in present["timeline"]].count("assign") == 1


async def test_commands_without_if_match_take_turns_and_all_count(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    case = case_of("a")

    answers = await asyncio.gather(*(post(api, case, "note", {"text": f"note {n}"}) for n in range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 14))


async def test_a_repeated_command_with_its_key_is_carried_out_once(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    case = case_of("a")

    first = await post(api, case, "respond", RESPOND, Idempotency_Key="once", If_Match='"1"')
    again = await post(api, case, "respond", RESPOND, Idempotency_Key="once", If_Match='"1"')
    other = await post(api, case, "respond", {**RESPOND, "text": "other"}, Idempotency_Key="once")

    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert first.json() == again.json()
    assert (await api.get(f"/v1/cases/{case}")).json()["version"] == 2


async def test_another_tenants_case_is_404_on_every_route(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    case, stranger = case_of("a"), {"Authorization": "Bearer globex"}
    bodies: dict[str, Any] = {
        "acknowledge": {}, "respond": RESPOND, "resolve": RESOLVE, "close": {}, "assign": {"owner": "x"}, "resume": {},
        "pause": {"reason": "x", "until": "2030-01-01T00:00:00Z"}, "reopen": {"reason": "x"}, "withdraw": {"reason": "x"},
        "retarget": {"clock": "resolution", "reason": "x"}, "note": {"text": "x"},
    }  # fmt: skip

    answers = [await api.get(f"/v1/cases/{case}", headers=stranger)]
    answers += [await api.post(f"/v1/cases/{case}/{name}", json=body, headers=stranger) for name, body in bodies.items()]
    listed = (await api.get("/v1/cases", headers=stranger)).json()

    assert {answer.status_code for answer in answers} == {404}
    assert listed == {"items": [], "next": None}
    assert (await world.file(case)).case.version == 1


async def test_each_route_needs_its_scope(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    reading, writing = {"Authorization": "Bearer acme/cases:read"}, {"Authorization": "Bearer acme/cases:write"}

    statuses = [
        (await api.get("/v1/cases", headers=writing)).status_code,
        (await api.get(f"/v1/cases/{case_of('a')}", headers=writing)).status_code,
        (await api.post(f"/v1/cases/{case_of('a')}/acknowledge", headers=reading)).status_code,
        (await api.post("/v1/cases", json={"text": "x", "channel": "web"}, headers=reading)).status_code,
        (await api.put("/v1/policies", json=policies(3).model_dump(mode="json"), headers=writing)).status_code,
    ]

    assert statuses == [403] * 5


async def test_a_case_is_opened_by_hand_once_for_each_key(world: World, api: httpx.AsyncClient) -> None:
    wanted = {"text": "The parcel was open.", "channel": "phone", "severity": "high", "customer": {"id": "c7"}, "team": "parcels"}

    first = await api.post("/v1/cases", json=wanted, headers={"Idempotency-Key": "k"})
    again = await api.post("/v1/cases", json=wanted, headers={"Idempotency-Key": "k"})
    other = await api.post("/v1/cases", json=wanted)

    assert [response.status_code for response in (first, again, other)] == [201] * 3
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert first.headers["Location"] == f"/v1/cases/{first.json()['id']}"
    assert (first.json()["customer"], first.json()["team"], first.json()["kind"]) == ("c7", "parcels", "complaint")
    assert await world.story(first.json()["id"]) == ["case.opened", "clock.started", "clock.started"]


async def test_one_origin_has_one_case_whichever_came_first(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"))
    by_hand = {"text": "x", "channel": "web"}

    taken = await api.post("/v1/cases", json={**by_hand, "origin": {"source": SOURCE, "id": "a"}})
    free = await api.post("/v1/cases", json={**by_hand, "origin": {"source": SOURCE, "id": "b"}})
    await world.happen(complaint("b"))

    assert (taken.status_code, taken.json()["reason"]) == (409, {"case": case_of("a")})
    assert (free.status_code, free.json()["id"]) == (201, case_of("b"))
    assert await world.count("cases") == 2


async def test_cases_are_listed_page_by_page_and_by_what_is_asked(world: World, api: httpx.AsyncClient) -> None:
    old = utc_now() - 30 * HOUR
    await world.happen(*(complaint(f"e{n}", severity="critical" if n % 2 else "low", category=f"c{n % 3}") for n in range(7)))
    await world.happen(complaint("late", at=old), answered("bad", nps(1)))
    await done(api, case_of("e0"), "assign", {"owner": "ann", "team": "blue"})
    await done(api, case_of("e1"), "withdraw", {"reason": "x"})

    async def ids(**asked: Any) -> set[str]:
        response = await api.get("/v1/cases", params=asked)
        assert response.status_code == 200, response.text
        return {item["id"] for item in response.json()["items"]}

    pages: list[list[str]] = []
    cursor = ""
    while True:
        page = (await api.get("/v1/cases", params={"limit": 4, "cursor": cursor})).json()
        pages.append([item["id"] for item in page["items"]])
        cursor = page["next"]
        if cursor is None:
            break

    assert [len(page) for page in pages] == [4, 4, 1]
    assert len({id for page in pages for id in page}) == 9
    assert await ids(owner="ann") == await ids(team="blue") == {case_of("e0")}
    assert await ids(kind="bad_answer") == {case_of("bad")}
    assert await ids(severity="critical", category="c0") == {case_of("e3")}
    assert await ids(state="withdrawn") == await ids(open=False) == await ids(clock_state="cancelled") == {case_of("e1")}
    assert await ids(origin_source=SOURCE, origin_id="e4") == {case_of("e4")}
    assert await ids(clock_state="breached", clock="first_response") == {case_of("late")}
    assert case_of("late") not in await ids(clock_state="running", clock="first_response")
    assert (await api.get("/v1/cases", params={"cursor": "nonsense"})).status_code == 422


async def test_a_pause_and_a_retarget_move_the_due_and_are_announced(world: World, api: httpx.AsyncClient) -> None:
    start = utc_now() - HOUR
    await world.happen(complaint("a", at=start))
    case = case_of("a")

    paused = await done(api, case, "pause", {"reason": "waiting_on_customer", "until": "2030-01-01T00:00:00Z"})
    twice = await post(api, case, "pause", {"reason": "waiting_on_customer", "until": "2030-01-01T00:00:00Z"})
    resumed = await done(api, case, "resume")
    retargeted = await done(api, case, "retarget", {"clock": "resolution", "target_seconds": 7200, "reason": "promised"})

    assert (paused["paused"], paused["pause_reason"], clock(paused, "resolution")["due_at"]) == (True, "waiting_on_customer", None)
    assert (twice.status_code, twice.json()["type"]) == (409, "urn:hearback:problem:already_paused")
    assert (resumed["paused"], clock(resumed, "first_response")["activity"]) == (False, "running")
    moved = clock(retargeted, "resolution")
    assert (moved["generation"], moved["elapsed_seconds"] + moved["remaining_seconds"]) == (2, pytest.approx(7200, abs=0.001))
    assert await world.story(case, "resolution") == ["clock.started", "clock.paused", "clock.resumed", "clock.rescheduled"]


async def test_a_pause_ends_on_every_way_out(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a", at=utc_now() - HOUR))
    case = case_of("a")
    await done(api, case, "pause", {"reason": "waiting_on_customer", "until": "2030-01-01T00:00:00Z"})

    resolved = await done(api, case, "resolve", RESOLVE)

    assert resolved["paused"] is False
    assert (clock(resolved, "resolution")["status"], clock(resolved, "first_response")["activity"]) == ("met", "running")


async def test_reopening_goes_on_with_what_was_left(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a", at=utc_now() - HOUR))
    case = case_of("a")
    await done(api, case, "respond", RESPOND)
    await done(api, case, "resolve", RESOLVE)
    await done(api, case, "close")

    reopened = await done(api, case, "reopen", {"reason": "it broke again"})

    resolution = clock(reopened, "resolution")
    assert (reopened["state"], reopened["missing"], resolution["cycle"], resolution["status"]) == ("reopened", ["informed"], 2, "running")
    assert (await post(api, case, "close")).status_code == 409
    assert (await done(api, case, "resolve", RESOLVE))["missing"] == []
    assert await world.story(case, "resolution") == ["clock.started", "clock.met", "clock.resumed", "clock.met"]


async def test_a_late_command_is_a_breach_that_is_announced_before_the_clock_ends(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a", at=utc_now() - 30 * HOUR))
    case = case_of("a")

    view = await done(api, case, "respond", RESPOND)

    assert clock(view, "first_response")["status"] == "breached"
    assert clock(view, "first_response")["late_seconds"] == pytest.approx(6 * 3600, abs=30)
    assert await world.story(case, "first_response") == ["clock.started", "clock.breached", "clock.met"]
    assert await world.fire() == 0


async def test_history_wakes_with_a_persons_first_command_and_passes_over_what_was(world: World, api: httpx.AsyncClient) -> None:
    await world.configure(policies(10, resolution_seconds=20))
    await world.happen(complaint("a", at=utc_now() - 15 * SECOND, backfill=True))
    case = case_of("a")
    asleep = (await api.get(f"/v1/cases/{case}")).json()

    awake = await done(api, case, "note", {"text": "looking into it"})

    assert (asleep["silent"], awake["silent"], awake["backfill"]) == (True, False, True)
    assert await world.fire() == 0
    timers = {clock.kind: clock.next_at for clock in (await world.file(case)).clocks}
    assert timers["first_response"] is None
    assert timers["resolution"] is not None
    await asyncio.sleep(max(0.0, (timers["resolution"] - utc_now()).total_seconds()) + 0.1)
    assert await world.fire() == 1
    said = [(one.type, one.backfill) for one in await world.said(case)]
    assert said == [("case.opened.v1", True), ("clock.started.v1", True), ("clock.started.v1", True), ("case.changed.v1", False),
                    ("clock.breached.v1", False)]  # fmt: skip


async def test_attainment_counts_every_clock_once(world: World, api: httpx.AsyncClient) -> None:
    old, older = utc_now() - 30 * HOUR, utc_now() - 40 * HOUR
    await world.happen(*(complaint(id, at=old, severity="high") for id in ("met", "late", "unanswered", "gone")), complaint("new"))
    await world.happen(reply("r1", case_of("met"), at=old + HOUR), reply("r2", case_of("late"), at=old + 25 * HOUR))
    await done(api, case_of("new"), "pause", {"reason": "waiting_on_customer", "until": "2030-01-01T00:00:00Z"})
    await world.happen(complaint("fresh"), complaint("withdrawn"), complaint("history", at=older, backfill=True))
    await done(api, case_of("withdrawn"), "withdraw", {"reason": "x"})

    everything = (await api.get("/v1/insights/sla")).json()["items"]
    of_high = (await api.get("/v1/insights/sla", params={"severity": "high", "from": older.isoformat()})).json()["items"]
    elsewhere = (await api.get("/v1/insights/sla", headers={"Authorization": "Bearer globex"})).json()["items"]

    first = next(item for item in everything if item["clock"] == "first_response")
    assert first == {"clock": "first_response", "attainment": 0.2, "n": 5, "met": 1, "breached": 4, "running": 1, "paused": 1,
                     "cancelled": 1, "neutral": 0}  # fmt: skip
    assert next(item for item in of_high if item["clock"] == "first_response")["n"] == 4
    assert elsewhere == []


async def test_policies_are_versioned_and_a_clock_keeps_the_one_it_began_under(world: World, api: httpx.AsyncClient) -> None:
    built_in = await api.get("/v1/policies")
    await world.happen(complaint("before"))
    document = policies(3).model_dump(mode="json")

    saved = await api.put("/v1/policies", json=document, headers={"If-Match": built_in.headers["ETag"]})
    stale = await api.put("/v1/policies", json=document, headers={"If-Match": built_in.headers["ETag"]})
    await world.happen(complaint("after"))

    assert (built_in.json()["version"], saved.json()["version"], stale.status_code) == (1, 2, 412)
    assert (await api.get("/v1/policies")).json() == saved.json()
    versions = [(await api.get(f"/v1/cases/{case_of(id)}")).json()["policy"] for id in ("before", "after")]
    assert versions == [{"id": "standard", "version": 1}, {"id": "quick", "version": 2}]
    async with world.sessions.begin() as session:
        audited = (await session.execute(text("SELECT actor, action, object FROM audit"))).all()
    assert [tuple(row) for row in audited] == [("key:k-acme", "replace", "policies")]


@pytest.mark.parametrize(
    "document",
    [
        {"policies": []},
        {"policies": [{"id": "a", "default": True, "clocks": []}, {"id": "b", "default": True, "clocks": []}]},
        {"policies": [{"id": "a", "when": {"channel": ["web"]}, "clocks": []}]},
        {"policies": [{"id": "a", "default": True, "calendar": "unknown", "clocks": []}]},
        {"policies": [{"id": "a", "default": True, "clocks": [{"kind": "resolution"}, {"kind": "resolution"}]}]},
        {"policies": [{"id": "a", "default": True, "clocks": [{"kind": "resolution", "target_seconds": 5, "target_business_days": 1}]}]},
    ],
)
async def test_policies_that_cannot_be_right_are_refused(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    assert (await api.put("/v1/policies", json=document)).status_code == 422


async def test_calendars_are_versioned_and_used(world: World, api: httpx.AsyncClient) -> None:
    office = {"zone": "Europe/Berlin", "windows": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}

    first = await api.put("/v1/calendars/office", json=office)
    second = await api.put("/v1/calendars/office", json={**office, "holidays": ["2026-12-25"]}, headers={"If-Match": '"1"'})
    refused = await api.put("/v1/calendars/office", json={**office, "windows": {}})
    await world.configure(policies(3600, calendar="office"))
    await world.happen(complaint("a", at=utc_now() - HOUR, received_at="2026-03-01T10:00:00Z"))

    assert (first.json()["version"], second.json()["version"]) == (1, 2)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:hearback:problem:unreachable")
    listed = (await api.get("/v1/calendars")).json()["items"]
    assert [(item["id"], item["version"]) for item in listed] == [("24x7", 1), ("office", 2)]
    view = (await api.get(f"/v1/cases/{case_of('a')}")).json()
    assert (clock(view, "first_response")["calendar"], clock(view, "first_response")["due_at"]) == (
        {"id": "office", "version": 2}, "2026-03-02T09:00:00Z"
    )  # fmt: skip
    assert (await api.get("/v1/calendars/office", headers={"Authorization": "Bearer globex"})).status_code == 404


async def test_a_reply_in_another_system_is_on_the_timeline(world: World, api: httpx.AsyncClient) -> None:
    await world.happen(complaint("a"), reply("r", case_of("a")))

    entry = (await api.get(f"/v1/cases/{case_of('a')}")).json()["timeline"][-2]

    assert (entry["entry"], entry["actor"], entry["text"]) == ("interaction.replied.v1", "Ann", "we look into it")


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("respond", {"text": "x", "next_step": "y"}),
        ("resolve", {"outcome": "x"}),
        ("assign", {}),
        ("pause", {"reason": "Not a code", "until": "2030-01-01T00:00:00Z"}),
        ("retarget", {"clock": "nonsense", "reason": "x"}),
        ("note", {"text": "x", "unknown": 1}),
        ("note", None),
    ],
)
async def test_commands_without_what_they_need_are_422(world: World, api: httpx.AsyncClient, command: str, body: Any) -> None:
    await world.happen(complaint("a"))

    assert (await post(api, case_of("a"), command, body)).status_code == 422
    assert (await world.file(case_of("a"))).case.version == 1


async def test_the_description_of_the_api_shows_every_command(api: httpx.AsyncClient) -> None:
    paths = (await api.get("/openapi.json")).json()["paths"]

    body = paths["/v1/cases/{case_id}/respond"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].endswith("/Respond")
    assert {path.rsplit("/", 1)[1] for path in paths if path.startswith("/v1/cases/{case_id}/")} == {
        "acknowledge", "respond", "resolve", "close", "assign", "pause", "resume", "retarget", "reopen", "withdraw", "note"
    }  # fmt: skip
