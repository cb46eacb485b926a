"""An import from the request to the log: shown first, resumed wherever it was broken off, harmless when it is repeated."""

import asyncio
import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.ingest.imports import store
from services.ingest.imports.schema import import_parts, import_refused, imports
from tests.ingest.imports.world import COMPLAINTS, World, account, complaints, sent, until
from tests.shared.loops import running

ACTING = "acme ingest:write"
EVENTS = [
    {"id": f"e{n}", "source": "/old", "type": "feedback.idea_submitted.v1", "time": "2014-05-06T00:00:00Z",
     "data": {"channel": "web", "text": "an idea"}}
    for n in range(3)
]  # fmt: skip


async def imported(world: World, file: bytes | str, **said: Any) -> dict[str, Any]:
    """A whole import, started as the check left it."""
    async with world.client() as client, running(world.loop):
        return await until(client, (await sent(client, file, start=True, **said))["id"], "done")


async def test_nothing_is_sent_before_it_is_started_and_what_will_be_is_shown(world: World) -> None:
    async with world.client() as client, running(world.loop):
        waiting = await until(client, (await sent(client, COMPLAINTS + "2025-01-02 10:00,late,Phone\n"))["id"], "waiting")
        before = list(world.events)
        await client.post(f"/v1/imports/{waiting['id']}/start")
        done = await until(client, waiting["id"], "done")

    shown = waiting["preview"]
    assert (before, waiting["read"], shown["problems"]) == ([], 0, [])
    assert {column["name"]: column["becomes"] for column in shown["columns"]} == {
        "Date": ["time"], "Complaint": ["text"], "Submitted via": ["channel"],
    }  # fmt: skip
    assert account(done) == (1, 1, 0, 0)
    [event] = world.events
    assert shown["events"][0]["data"] == event["data"] == {"text": "late", "channel": "phone"}
    assert (event["time"], event["backfill"], event["tenant"]) == ("2025-01-02T09:00:00Z", True, "acme")  # the tenant's zone is Berlin
    assert event["source"] == f"/imports/{world.ids.pop()[0].rpartition('/')[2]}"
    assert (done["preview"], done["share"], done["eta_seconds"]) == (None, 1.0, None)


async def test_the_same_file_again_renamed_or_with_other_line_ends_and_encoding_is_the_same_events(world: World) -> None:
    file = complaints(40) + "2025-01-02 10:00,größer,Phone\n"

    first = await imported(world, file)
    ids = set(world.ids)
    for again in (file, file.replace("\n", "\r\n"), file.encode("utf-16"), file.encode("cp1252"), file.rstrip("\n")):
        await imported(world, again, file_name="renamed.csv")

    assert account(first) == (41, 41, 0, 0)
    assert len(world.events) == 6 * 41
    assert world.ids == ids
    await imported(world, file + "2025-01-03 10:00,one more,Phone\n")
    assert len(world.ids) == 41 + 42  # another file, unless it is given a name


async def test_a_longer_file_of_the_same_system_adds_only_what_is_new(world: World) -> None:
    await imported(world, complaints(10), name="crm")
    await imported(world, complaints(12), name="crm")

    assert len(world.ids) == 12
    assert {source for source, _ in world.ids} == {"/imports/crm"}


async def test_duplicates_and_refused_rows_are_counted_and_given_back_with_reasons(world: World) -> None:
    rows = [
        "2025-01-02 10:00,late,Phone",
        "2025-01-02 10:00,late,Phone",
        "yesterday,=SUM(A1),Web",
        "2025-01-02 10:00,a,b,c,d",
        "",
        "yesterday,=SUM(A1),Web",
    ]

    done = await imported(world, COMPLAINTS + "".join(f"{row}\n" for row in rows))
    async with world.client() as client:
        answer = await client.get(f"/v1/imports/{done['id']}/refused")

    assert account(done) == (5, 1, 2, 2)
    told = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["refused line"], row["Complaint"]) for row in told] == [("4", "'=SUM(A1)"), ("5", "a")]
    assert told[0]["refused because"].startswith("Date: should be a time")
    assert "has 5 cells where there are 3 columns" in told[1]["refused because"]
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


async def test_what_cannot_be_told_waits_for_a_person_and_a_mapping_settles_it(world: World) -> None:
    file = "Wann;Wert;Notiz\n01.02.2025;8,5;gut\n02.02.2025;3,0;schlecht\n"
    mapping = {
        "type": "feedback.comment_posted.v1",
        "decimal": ",",
        "fields": {"time": {"column": "Wann", "format": "%d.%m.%Y"}, "text": {"column": "Notiz"}, "channel": {"constant": "review"},
                   "rating": {"column": "Wert"}, "scale_min": {"constant": 1}, "scale_max": {"constant": 10}},
    }  # fmt: skip
    async with world.client() as client, running(world.loop):
        id = (await sent(client, file, start=True))["id"]
        waiting = await until(client, id, "waiting")
        early = await client.post(f"/v1/imports/{id}/start")
        wrong = await client.put(f"/v1/imports/{id}", json={"mapping": {**mapping, "fields": {"time": {"column": "Wo"}}}})
        unfit = await until(client, id, "waiting")
        await client.put(f"/v1/imports/{id}", json={"mapping": mapping})  # starts at once when nothing is left to decide
        done = await until(client, id, "done")

    assert waiting["preview"]["problems"]
    assert (early.status_code, wrong.status_code) == (409, 200)
    assert "settle this first" in early.json()["detail"]
    assert "there is no column 'Wo'; there are 'Wann', 'Wert', 'Notiz'" in unfit["preview"]["problems"]
    assert account(done) == (2, 2, 0, 0)
    assert [event["data"]["rating"] for event in world.events] == [8.5, 3]


async def test_a_file_that_cannot_be_read_says_why_and_can_be_read_in_another_way(world: World) -> None:
    async with world.client() as client, running(world.loop):
        id = (await sent(client, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", file_name="old.xls"))["id"]
        failed = await until(client, id, "failed")
        id = (await sent(client, (COMPLAINTS + "2025-01-02,größer,Web\n").encode("cp1252"), encoding="utf-8"))["id"]
        unreadable = await until(client, id, "failed")
        await client.put(f"/v1/imports/{id}", json={"options": {"encoding": "cp1252"}})
        readable = await until(client, id, "waiting")

    assert "save it as .xlsx without a password" in failed["detail"]
    assert "not utf-8: say the file's encoding" in unreadable["detail"]
    assert readable["preview"]["events"][0]["data"]["text"] == "größer"


@pytest.mark.parametrize(
    "file",
    [
        "Date,Complaint\n2025-01-03," + "late " * 1000 + "\n2025-01-02,\x00\n",
        '{"time": "2025-01-02", "complaint": "\\ud800", "\\ud800": 1, "%s": 1}\n{"time": "2025-01-03", "complaint": "late"}'
        % ("nps" * 200),
        "Date,Complaint," + "nps" * 2000 + "\n2025-01-02,\x00,9\n2025-01-03,late,9\n",
    ],
)
async def test_what_nobody_can_store_spoils_one_row_and_nothing_else(world: World, file: str) -> None:
    mapping = {"type": "feedback.idea_submitted.v1", "fields": {"channel": {"constant": "web"}}}
    columns = ("time", "complaint") if file.startswith("{") else ("Date", "Complaint")
    mapping["fields"] |= {"time": {"column": columns[0]}, "text": {"column": columns[1]}}  # type: ignore[operator]
    async with world.client() as client, running(world.loop):
        id = (await sent(client, file))["id"]
        await until(client, id, "waiting")
        changed = await client.put(f"/v1/imports/{id}", json={"mapping": mapping})
        waiting = await until(client, id, "waiting")
        await client.post(f"/v1/imports/{id}/start")
        done = await until(client, id, "done")
        refused = (await client.get(f"/v1/imports/{id}/refused")).content.decode("utf-8-sig")

    assert (changed.status_code, waiting["preview"]["problems"]) == (200, [])
    assert account(done) == (2, 1, 0, 1)
    assert len(refused.splitlines()) == 2


@pytest.mark.parametrize("form", ["%d%d", "%s", "%", "%Q", "plain", "%Y-%m-%d\x00"])
async def test_a_form_of_times_that_reads_none_is_refused_with_an_example(world: World, form: str) -> None:
    mapping = {"type": "feedback.idea_submitted.v1", "fields": {"time": {"column": "Date", "format": form}}}
    async with world.client() as client, running(world.loop):
        id = (await sent(client, complaints(1)))["id"]
        await until(client, id, "waiting")
        answer = await client.put(f"/v1/imports/{id}", json={"mapping": mapping})
        view = await until(client, id, "waiting")

    assert answer.status_code == 422 or view["preview"]["problems"], answer.text


async def test_events_one_a_line_keep_their_ids_and_become_history(world: World) -> None:
    file = "\n".join(
        map(json.dumps, [*EVENTS, EVENTS[0], {**EVENTS[0], "tenant": "other"}, {**EVENTS[1], "id": "x", "type": "no.such.v1"}])
    )

    done = await imported(world, file)

    assert account(done) == (6, 3, 1, 2)
    assert world.ids == {("/old", f"e{n}") for n in range(3)}
    assert all(event["backfill"] for event in world.events)


async def test_an_import_that_acts_is_live_and_needs_the_right_to_write(world: World) -> None:
    async with world.client(ACTING) as writer, world.client() as historian, running(world.loop):
        acting = await sent(writer, complaints(1), act=True, start=True)
        await until(writer, acting["id"], "done")
        refused = [
            (await writer.post("/v1/imports", content=b"a")).status_code,
            (await historian.post("/v1/imports", params={"act": True}, content=b"a")).status_code,
            (await historian.post(f"/v1/imports/{acting['id']}/cancel")).status_code,
        ]

    assert refused == [403, 403, 403]
    assert world.log.topics == ["feedback.events.v1"]
    assert "backfill" not in world.events[0] or not world.events[0]["backfill"]


async def test_another_tenant_sees_nothing_of_it(world: World) -> None:
    async with world.client() as client, world.client("other ingest:backfill") as stranger, running(world.loop):
        id = (await sent(client, complaints(1)))["id"]
        await until(client, id, "waiting")
        answers = [
            await stranger.get(f"/v1/imports/{id}"), await stranger.get(f"/v1/imports/{id}/refused"),
            await stranger.put(f"/v1/imports/{id}", json={}), await stranger.post(f"/v1/imports/{id}/start"),
            await stranger.post(f"/v1/imports/{id}/cancel"),
        ]  # fmt: skip
        listed = (await stranger.get("/v1/imports")).json()

    assert [answer.status_code for answer in answers] == [404] * 5
    assert listed == {"items": [], "next": None}


async def test_imports_are_listed_newest_first_page_by_page_and_every_change_is_audited(world: World) -> None:
    async with world.client() as client, running(world.loop):
        ids = [(await sent(client, complaints(1), file_name=f"{n}.csv"))["id"] for n in range(3)]
        for id in ids:
            await until(client, id, "waiting")
        first = (await client.get("/v1/imports", params={"limit": 2})).json()
        second = (await client.get("/v1/imports", params={"limit": 2, "cursor": first["next"]})).json()
        await client.post(f"/v1/imports/{ids[0]}/start")
        await client.post(f"/v1/imports/{ids[1]}/cancel")
    async with world.sessions() as session:
        audit = (await session.execute(sa.text("SELECT tenant, actor, action, object FROM audit ORDER BY position"))).all()

    assert [view["id"] for view in (*first["items"], *second["items"])] == ids[::-1]
    assert second["next"] is None
    assert [(row.tenant, row.actor) for row in audit] == [("acme", "key:k1")] * 5
    assert [(row.action, row.object) for row in audit][3:] == [("start", f"import:{ids[0]}"), ("cancel", f"import:{ids[1]}")]


async def test_a_body_that_is_empty_or_too_large_leaves_nothing(world: World) -> None:
    async with world.client() as client:
        empty = await client.post("/v1/imports", content=b"")
        large = await client.post("/v1/imports", content=b"x" * 3_000_001)
    async with world.sessions() as session:
        left = (await session.execute(sa.select(sa.func.count()).select_from(imports))).scalar_one()

    assert (empty.status_code, large.status_code, left) == (422, 413, 0)


async def test_refused_rows_are_imported_once_more_as_soon_as_they_are_corrected(world: World) -> None:
    file = "Date,Complaint,Category\n2025-01-02,late,delivery\nyesterday,=late again,delivery\n"
    async with world.client() as client, running(world.loop):
        first = await until(client, (await sent(client, file, start=True))["id"], "done")
        refused = (await client.get(f"/v1/imports/{first['id']}/refused")).content
        corrected = await until(client, (await sent(client, refused.replace(b"yesterday", b"2025-01-03"), start=True))["id"], "done")

    assert (account(first), account(corrected)) == ((2, 1, 0, 1), (1, 1, 0, 0))
    assert [event["data"] for event in world.events] == [
        {"channel": "other", "text": "late", "category": "delivery"}, {"channel": "other", "text": "=late again", "category": "delivery"},
    ]  # fmt: skip


async def test_a_form_is_the_same_as_the_file_itself(world: World) -> None:
    file = complaints(3).encode()
    async with world.client() as client, running(world.loop):
        plain = await until(client, (await sent(client, file, start=True, name="crm", file_name="c.csv"))["id"], "done")
        said = {"name": "crm", "start": "true", "encoding": ""}  # a browser sends what was left blank
        form = await client.post("/v1/imports", files={"file": ("c.csv", file)}, data=said)
        done = await until(client, form.json()["id"], "done")
        refused = [
            await client.post("/v1/imports", files={"file": ("c.csv", file)}, data={"act": "true"}),
            await client.post("/v1/imports", files={"file": ("c.csv", file)}, data={"encoding": "latin"}),
            await client.post("/v1/imports", files={"file": ("c.csv", b"")}),
            await client.post("/v1/imports", files={"note": (None, "no file")}),
            await client.post("/v1/imports", files={"file": ("c.csv", b"x" * 3_000_001)}),
        ]
    async with world.sessions() as session:
        made = (await session.execute(sa.select(sa.func.count()).select_from(imports))).scalar_one()

    same = ("file_name", "name", "size_bytes", "options", "mapping", "file", "accepted")
    assert {name: done[name] for name in same} == {name: plain[name] for name in same}
    assert len(world.events) == 6
    assert len(world.ids) == 3
    assert [answer.status_code for answer in refused] == [403, 422, 422, 422, 413]
    assert refused[1].json()["errors"][0]["loc"] == ["body", "encoding"]
    assert made == 2


async def test_a_repeated_upload_with_its_key_is_the_import_of_the_first(world: World) -> None:
    key = {"Idempotency-Key": "upload-1"}
    async with world.client() as client, world.client("other ingest:backfill") as stranger:
        first, again = [await client.post("/v1/imports", content=complaints(3).encode(), headers=key) for _ in range(2)]
        form = await client.post("/v1/imports", files={"file": ("file", complaints(3))}, headers=key)
        other_file = await client.post("/v1/imports", content=complaints(4).encode(), headers=key)
        other_tenant = await stranger.post("/v1/imports", content=complaints(3).encode(), headers=key)
        listed = (await client.get("/v1/imports")).json()["items"]
    async with world.sessions() as session:
        rows = (await session.execute(sa.select(sa.func.count()).select_from(imports))).scalar_one()
        parts = (await session.execute(sa.select(sa.func.count()).select_from(import_parts))).scalar_one()

    assert first.json() == again.json() == form.json()
    assert other_file.status_code == 422
    assert other_file.json()["type"] == "urn:hearback:problem:idempotency_key_reused"
    assert other_tenant.json()["id"] != first.json()["id"]
    assert [view["id"] for view in listed] == [first.json()["id"]]
    assert (rows, parts) == (2, 2)


async def test_one_that_was_stopped_is_gone_on_with_where_the_accounting_stands(world: World) -> None:
    other = World(world.database, world.sessions)
    async with world.client() as client:
        id = (await sent(client, complaints(3000), start=True))["id"]
        async with running(world.loop):
            before = await until(client, id, lambda view: view["read"] > 0)
        async with running(other.loop):
            done = await until(client, id, "done")

    assert before["read"] < 3000
    assert account(done) == (3000, 3000, 0, 0)
    assert len(world.ids | other.ids) == 3000
    assert not world.ids & other.ids  # it was stopped in order, between two batches


async def test_whoever_was_taken_for_dead_accounts_for_nothing_any_more(world: World) -> None:
    other = World(world.database, world.sessions)
    world.log.waits, other.log.waits = asyncio.Event(), asyncio.Event()
    async with world.client() as client:
        id = (await sent(client, complaints(600), start=True))["id"]
        async with running(world.loop, other.loop):
            async with asyncio.timeout(10):
                while len(world.log.records) < 250 and len(other.log.records) < 250:
                    await asyncio.sleep(0.01)
            slow, quick = (world, other) if world.log.records else (other, world)
            quick.log.waits.set()
            await _expire(world, id)
            done = await until(client, id, "done")
            slow.log.waits.set()
            await asyncio.sleep(0.3)
            after = await until(client, id, "done")

    assert account(done) == account(after) == (600, 600, 0, 0)
    assert quick.ids | slow.ids == quick.ids


async def test_while_kafka_is_away_an_import_waits_and_then_goes_on(world: World) -> None:
    world.log.refused = {0, 1, 2, 3}
    async with world.client() as client, running(world.loop):
        id = (await sent(client, complaints(300), start=True))["id"]
        waiting = await until(client, id, lambda view: view["waiting_for"] is not None)
        world.log.refused = {0}
        await asyncio.sleep(0.3)
        still = (await client.get(f"/v1/imports/{id}")).json()
        world.log.refused = set()
        done = await until(client, id, "done")

    assert (waiting["waiting_for"], waiting["state"], still["read"]) == ("kafka", "running", 0)
    assert account(done) == (300, 300, 0, 0)
    assert len(world.events) == len(world.ids) == 300
    assert done["waiting_for"] is None


async def test_a_disk_that_cannot_be_written_to_is_waited_for(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not-there"))
    async with world.client() as client, running(world.loop):
        id = (await sent(client, complaints(10), start=True))["id"]
        waiting = await until(client, id, lambda view: view["waiting_for"] is not None)
        (tmp_path / "not-there").mkdir()
        done = await until(client, id, "done")

    assert (waiting["waiting_for"], waiting["read"]) == ("disk", 0)
    assert account(done) == (10, 10, 0, 0)


async def test_one_that_is_cancelled_under_way_ends_accounted_for_and_its_file_is_gone(world: World) -> None:
    async with world.client() as client, running(world.loop):
        id = (await sent(client, complaints(20_000), start=True))["id"]
        await until(client, id, lambda view: view["read"] > 0)
        await client.post(f"/v1/imports/{id}/cancel")
        cancelled = await until(client, id, "cancelled")
    async with world.sessions() as session:
        parts = (await session.execute(sa.select(sa.func.count()).select_from(import_parts))).scalar_one()

    assert 0 < cancelled["read"] < 20_000
    assert len(world.ids) == cancelled["accepted"]
    assert parts == 0


async def test_a_file_that_ends_the_process_again_and_again_is_set_aside(world: World) -> None:
    async with world.client() as client:
        id = (await sent(client, complaints(1)))["id"]
        async with world.sessions.begin() as session:
            await session.execute(sa.update(imports).values(attempts=5))
        async with running(world.loop):
            failed = await until(client, id, "failed")

    assert "ended again and again over this file" in failed["detail"]


async def test_a_batch_and_its_refused_rows_are_accounted_for_together_or_not_at_all(world: World) -> None:
    done = await imported(world, COMPLAINTS + "".join(f"2025-01-02 10:00,late {n},Web\nyesterday,{n},Web\n" for n in range(700)))

    async with world.sessions() as session:
        kept = (await session.execute(sa.select(sa.func.count()).select_from(import_refused))).scalar_one()
        row = (await session.execute(sa.select(imports))).one()
    assert account(done) == (1400, 700, 0, 700)
    assert kept == 700
    with pytest.raises(sa.exc.IntegrityError, match="accounting"):
        async with world.sessions.begin() as session:
            await session.execute(sa.update(imports).where(imports.c.id == row.id).values(accepted=701))


async def _expire(world: World, id: str) -> None:
    async with world.sessions.begin() as session:
        await session.execute(sa.update(imports).where(imports.c.id == id).values(leased_until=sa.text("now() - interval '1 s'")))
        await store.wake(session)
