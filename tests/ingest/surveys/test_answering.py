"""The page as requests: what is a visit, what is an answer, and what events say of them."""

import io
import re
from typing import Any

import httpx
import pytest
from rich.console import Console

from services.cli.surveys import show_results
from services.ingest.channels.pruning import Pruning
from services.ingest.surveys.parts import KEPT
from shared.clock import utc_now
from shared.contracts.access import TenantRecord
from tests.ingest.surveys.world import World, contact

ANSWERS: dict[str, dict[str, Any]] = {
    "effort": {"score": "2"},
    "solved": {"score": "1"},
    "contact": {"score": "4"},
    "knowledge": {"score": "5"},
    "improve": {"text": "没有 😀"},
}


async def give(client: httpx.AsyncClient, page: str, question: str, **fields: str) -> httpx.Response:
    return await client.post(page, data={"question": question, **(fields or ANSWERS[question])})


async def test_each_answer_is_saved_as_the_next_revision_of_one_event_whose_id_is_the_invitation(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact", customer={"id": "c-1"}, touchpoint="chat", product="shoes", language="en")
    async with world.client() as client:
        await client.get(page)
        for question in ANSWERS:
            assert (await give(client, page, question)).status_code == 303

    [invitation] = await world.invitations()
    answered = await world.said("answered")
    assert [one["data"].get("revision", 1) for one in answered] == [1, 2, 3, 4, 5]
    assert {(one["id"], one["source"]) for one in answered} == {(invitation["id"], "/surveys/after-contact")}
    assert [len(one["data"]["answers"]) for one in answered] == [1, 2, 3, 4, 5]
    last = answered[-1]["data"]
    assert last["answers"][0] == {
        "question": "effort",
        "instrument": "ces",
        "polarity": "effort",
        "score": 2,
        "scale_min": 1,
        "scale_max": 7,
    }
    assert last["answers"][-1] == {"question": "improve", "instrument": "text", "text": "没有 😀"}
    assert (last["customer"], last["touchpoint"], last["product"], last["channel"]) == ({"id": "c-1"}, "chat", "shoes", "web")
    assert [one["id"] for one in await world.said("survey_")][:2] == [f"{invitation['id']}:sent", f"{invitation['id']}:opened"]
    assert invitation["finished_at"] is not None
    assert (last["tags"], invitation["flags"]) == ({"flags": "speeder"}, ["speeder"])  # five answers in no time


async def test_what_is_kept_to_go_on_with_is_redacted_as_the_event_is_and_the_same_again_changes_nothing(world: World) -> None:
    world.tenants["acme"] = TenantRecord(tenant="acme", name="Acme", created_at=utc_now(), redaction=True)
    await world.make("after-contact")
    page = await world.link("after-contact")
    async with world.client() as client:
        for _ in range(2):
            await give(client, page, "improve", text="write to ann@example.com")
        shown = await client.get(f"{page}?q=improve")

    [invitation], [answered] = await world.invitations(), await world.said("answered")
    assert invitation["given"] == {"improve": {"text": "write to [email]"}}
    assert answered["data"]["answers"][0]["text"] == "write to [email]"
    assert "write to [email]" in shown.text and "ann@example.com" not in shown.text


async def test_a_visit_is_no_answer_however_often_and_with_whatever_score_in_its_address(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    async with world.client() as client:
        pages = [await client.get(f"{page}?score={score}&q=effort") for score in (1, 7, 7, "<script>")]

    assert [one.status_code for one in pages] == [200] * 4
    assert "Yes, my answer is 7" in pages[1].text
    assert "<script" not in pages[3].text
    assert [one["type"] for one in await world.said()] == ["feedback.survey_sent.v1"]


async def test_a_page_is_opened_when_a_browser_shows_its_picture_and_only_once(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    shown = {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "same-origin"}
    async with world.client() as client:
        [picture] = re.findall(r'<img class="seen" src="([^"]+)"', (await client.get(page)).text)
        scanned = [
            await client.get(picture),
            await client.head(picture),
            await client.get(picture, headers={**shown, "Sec-Fetch-Site": "none"}),
        ]
        before = await world.said("opened")
        seen = [await client.get(picture, headers=shown) for _ in range(2)]
        unknown = await client.get("/s/unknown/seen.svg", headers=shown)
        again = await client.get(page)

    assert before == []
    assert {one.status_code for one in (scanned[0], scanned[2], *seen, unknown)} == {200}
    assert seen[0].headers["content-type"] == "image/svg+xml"
    assert len(await world.said("opened")) == 1
    assert "seen.svg" not in again.text


async def test_a_page_left_is_gone_on_with_where_it_was_and_the_same_answer_again_says_nothing_new(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    async with world.client() as client:
        await give(client, page, "effort", score="2")
        await give(client, page, "effort", score="2")
        await give(client, page, "solved", skip="1")
        resumed = await client.get(page)
        await give(client, page, "effort", score="6")

    assert "How satisfied are you with this contact?" in resumed.text
    scores = [[answer["score"] for answer in one["data"]["answers"]] for one in await world.said("answered")]
    assert scores == [[2], [2], [6]]


@pytest.mark.parametrize(
    ("question", "fields"),
    [("effort", {}), ("effort", {"score": "8"}), ("effort", {"score": "1.5"}), ("solved", {"score": "2"}), ("improve", {"text": "   "})],
)
async def test_what_was_not_offered_is_asked_again_with_a_word_and_changes_nothing(
    world: World, question: str, fields: dict[str, str]
) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    async with world.client() as client:
        answer = await client.post(page, data={"question": question, **fields})

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert await world.said("answered") == []


@pytest.mark.parametrize("path", ["/s/unknown", "/u/unknown", "/s/%00", "/f/unknown", "/f/%00", "/s/" + "x" * 3000])
async def test_a_link_that_nobody_has_says_so_kindly(world: World, path: str) -> None:
    async with world.client() as client:
        english = await client.get(path)
        chinese = await client.get(path, headers={"Accept-Language": "fr, zh-CN;q=0.8"})

    assert (english.status_code, chinese.status_code) == (404, 404)
    assert "not valid any more" in english.text
    assert "此链接已失效" in chinese.text
    assert '<html lang="zh-Hans">' in chinese.text


async def test_a_token_answers_one_survey_until_it_expires_and_only_its_hash_is_stored(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    token = page.removeprefix("/s/")
    async with world.client() as client:
        stop = await client.post(f"/u/{token}")
        await world.rows("UPDATE survey_tokens SET expires_at = now()")
        over = await client.get(page)
        late = await give(client, page, "effort")

    assert [stop.status_code, over.status_code, late.status_code] == [404, 404, 404]
    assert await world.said("answered") == []
    for table in ("survey_tokens", "survey_invitations", "outbox", "deliveries"):
        assert token not in str(await world.rows(f"SELECT * FROM {table}"))


async def test_pages_keep_scripts_frames_caches_and_referrers_out(world: World) -> None:
    await world.make("after-contact")
    page = await world.link("after-contact")
    async with world.client() as client:
        headers = (await client.get(page)).headers
        style = re.findall(r'href="(/s-[0-9a-f]+\.css)"', (await client.get(page)).text)
        styled = await client.get(style[0])

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["cache-control"], headers["referrer-policy"], headers["x-robots-tag"]) == (
        "no-store",
        "no-referrer",
        "noindex, nofollow",
    )
    assert (styled.status_code, "immutable" in styled.headers["cache-control"]) == (200, True)


async def test_an_agent_types_in_what_was_said_on_the_phone(world: World) -> None:
    await world.make("after-contact", ways=["call"])
    async with world.client("ingest:write") as client:
        people = [{"id": "i-1", "customer": {"id": "c", "phone": "+4915112345678", "name": "Ann"}}]
        await client.post("/v1/surveys/after-contact/invitations", json={"people": people})
    await world.fire()
    async with world.client("customers:read") as client:
        [call] = (await client.get("/v1/surveys/after-contact/invitations")).json()["items"]
    async with world.client("ingest:write") as client:
        path = f"/v1/surveys/after-contact/invitations/{call['id']}/answers"
        wrong = await client.post(path, json={"answers": {"effort": {"score": 9}, "other": {"score": 1}}})
        rest = {"contact": {"score": 4}, "knowledge": {"score": 5}, "improve": None}
        taken = await client.post(path, json={"answers": {"effort": {"score": 3}, "solved": {"score": 1}, **rest}})

    assert (call["phone"], call["name"], [question["id"] for question in call["questions"]]) == ("+4915112345678", "Ann", list(ANSWERS))
    assert [error["loc"] for error in wrong.json()["errors"]] == [["answers", "effort", "score"], ["answers", "other"]]
    assert taken.status_code == 200
    [answered] = await world.said("answered")
    assert (answered["data"]["channel"], [one["score"] for one in answered["data"]["answers"]]) == ("phone", [3, 1, 4, 5])
    assert (await world.invitations())[0]["flags"] == []  # how fast somebody types says nothing of the customer


async def test_results_tell_what_came_back_by_stratum_and_keep_flagged_answers(world: World) -> None:
    await world.make("after-contact")
    for number, segment in enumerate(("vip", "vip", "other")):
        page = await world.link("after-contact", customer={"id": f"c-{number}", "segment": segment})
        if number < 2:
            async with world.client() as client:
                for question in ANSWERS:
                    await give(client, page, question)
    async with world.client("metrics:read") as client:
        found = (await client.get("/v1/surveys/after-contact/results")).json()

    assert (found["totals"]["sent"], found["totals"]["answered"], found["totals"]["flags"]) == (3, 2, {"speeder": 2})
    assert found["response_rate"] == pytest.approx(2 / 3)
    assert [(one["segment"], one["base"], one["answered"]) for one in found["strata"]] == [("other", 1, 0), ("vip", 2, 2)]
    assert found["answers"]["effort"] == {"score": {"2": 2}}
    assert "improve" not in found["answers"]
    shown = io.StringIO()
    show_results(Console(file=shown, width=100, force_terminal=False), found)
    told = shown.getvalue()
    assert "after-contact: planned 0, sent 3, opened 2, answered 2, finished 2; response rate 66.7%" in told
    assert "flagged, counted all the same: 2 × speeder" in told
    assert "effort: 2 × 2" in told
    assert [line.replace("│", "").split() for line in told.splitlines() if line.startswith("│")] == [
        ["other", "1", "33.3%", "1", "0", "0.0%"], ["vip", "2", "66.7%", "2", "2", "100.0%"],
    ]  # fmt: skip


async def test_one_address_may_come_so_often_and_no_more_and_its_address_is_not_kept(world: World) -> None:
    world.visitors._burst, world.visitors._per_second = 3, 0.0
    async with world.client() as client:
        statuses = [(await client.get("/f/unknown")).status_code for _ in range(5)]

    assert statuses == [404, 404, 404, 429, 429]
    assert "127.0.0.1" not in repr(world.visitors._buckets)


async def test_links_that_are_over_and_customers_met_long_ago_are_forgotten(world: World) -> None:
    await world.make("after-contact")
    over, valid = await world.link("after-contact"), await world.link("after-contact")
    await world.rows("UPDATE survey_tokens SET expires_at = now() - interval '1 s' WHERE ctid = (SELECT min(ctid) FROM survey_tokens)")
    await world.happen(contact("ann"), contact("bob"))
    await world.rows("UPDATE survey_contacts SET last_at = now() - interval '401 days' WHERE contact->>'customer' = 'c-ann'")

    deleted = await Pruning(world.sessions, KEPT, "test").prune()

    assert (deleted, over != valid) == (2, True)
    assert len(await world.rows("SELECT * FROM survey_tokens")) == 1
    assert [row["contact"]["customer"] for row in await world.rows("SELECT contact FROM survey_contacts")] == ["c-bob"]
