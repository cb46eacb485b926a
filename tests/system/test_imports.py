"""A file of history on running services, over HTTP and with `hearback import`: through a kill -9, and again, each row counts once."""

import asyncio
import csv
import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.cli.installation import Installation
from tests.cli.terminal import terminal
from tests.system.platform import Platform, Service

ROWS = 12_000
START = datetime(2019, 5, 6, tzinfo=UTC)
HEADER = "Response ID,Date,Customer,NPS,Source"
ONE_MORE = f"{HEADER}\nb0,{START.isoformat()},c1,9,Web"
QUICK_LEASE = {"HEARBACK_INGEST_IMPORT_LEASE_SECONDS": "2", "HEARBACK_INGEST_IMPORT_WORKERS": "1"}
CFPB = Path(__file__).parents[3] / "shared" / "data" / "cfpb_complaints_2023.csv.gz"


@pytest_asyncio.fixture
async def importing(platform: Platform) -> AsyncIterator[Service]:
    """A process of the role alone."""
    service = await platform.start("ingest", roles=("imports",), more=QUICK_LEASE)
    yield service
    if service in platform.services:
        await platform.stop(service)


def answers(count: int) -> str:
    """So many answers of a survey, one row sent twice, one without a score on the scale; none so bad that it becomes a case."""
    rows = [f"a{n},{(START + timedelta(seconds=n)).isoformat()},c{n % 500},{7 + n % 4},Web" for n in range(count)]
    return "\n".join([HEADER, *rows, rows[0], f"x,{START.isoformat()},c1,11,Web"])


async def until(client: httpx.AsyncClient, id: str, *, read: int = 0, state: str = "") -> dict[str, Any]:
    """The import, when it has read so many rows, or is in this state. Its accounting holds at every look."""
    async with asyncio.timeout(60):
        while True:
            view: dict[str, Any] = (await client.get(f"/v1/imports/{id}")).raise_for_status().json()
            assert view["read"] == view["accepted"] + view["duplicate"] + view["refused"]
            assert view["state"] not in ("failed", "cancelled"), view["detail"]
            assert view["state"] != "waiting" or not view["preview"]["problems"], view["preview"]["problems"]
            if view["state"] == state or (read and view["read"] >= read):
                return view
            await asyncio.sleep(0.05)


async def counted(reading: httpx.AsyncClient, count: int) -> None:
    """Wait until the number counts so many answers, and no more."""
    span = {"from": START.isoformat(), "to": (START + timedelta(days=1)).isoformat()}
    found = 0
    async with asyncio.timeout(60):
        while found != count:
            items = (await reading.get("/v1/metrics", params={"metric": "nps", **span})).raise_for_status().json()["items"]
            found = items[0]["n"] if items else 0
            assert found <= count, f"{found} answers are counted, of {count}"
            await asyncio.sleep(0.1)


async def test_an_import_through_a_kill_and_repeated_counts_each_row_once(
    platform: Platform, importing: Service, scoring: Service, tmp_path: Path
) -> None:
    key = await platform.key("importer")
    file = answers(ROWS)
    async with platform.client(importing, key) as client:
        id = (await client.post("/v1/imports", params={"start": True}, content=file.encode())).raise_for_status().json()["id"]
        before = await until(client, id, read=1)
        await importing.kill()
    platform.services.remove(importing)
    other = await platform.start("ingest", roles=("imports",), more=QUICK_LEASE)
    renamed = tmp_path / "renamed.csv.gz"
    renamed.write_bytes(gzip.compress(file.replace("\n", "\r\n").encode("utf-16")))
    installation = Installation.make(tmp_path, platform.kafka.bootstrap, urls={"ingest": other.url}, key=key)
    async with platform.client(other, key) as client, platform.client(scoring, key) as reading:
        done = await until(client, id, state="done")
        again = await installation.call("import", str(renamed), "--yes")
        more = await client.post("/v1/imports", params={"start": True}, content=ONE_MORE.encode())
        await until(client, more.raise_for_status().json()["id"], state="done")  # behind the repetition on each partition
        await counted(reading, ROWS + 1)
    await platform.stop(other)

    assert 0 < before["read"] < ROWS, "the kill came too late to be in the middle"
    assert (done["read"], done["accepted"], done["duplicate"], done["refused"]) == (ROWS + 2, ROWS, 1, 1)
    assert again.returncode == 1, again.stderr  # a row was refused
    assert f"read {ROWS + 2:,} rows: accepted {ROWS:,}, duplicate 1, refused 1" in again.stdout.splitlines()
    assert "channel" in again.stdout
    with (tmp_path / "renamed.csv.gz.refused.csv").open(encoding="utf-8-sig", newline="") as refused:
        [row] = csv.DictReader(refused)
    assert (row["refused line"], row["Response ID"], row["NPS"]) == (str(ROWS + 3), "x", "11")
    assert "whole number from 0 to 10" in row["refused because"]


async def test_nothing_is_sent_while_something_is_to_be_decided(platform: Platform, importing: Service, tmp_path: Path) -> None:
    key = await platform.key("undecided")
    file = tmp_path / "beschwerden.csv"
    file.write_bytes("Nr;Wann;Beschwerde\n1;03/04/2025;zu spät\n2;05/06/2025;verloren\n".encode("cp1252"))
    async with platform.client(importing, key) as client:
        installation = Installation.make(tmp_path, platform.kafka.bootstrap, urls={"ingest": importing.url}, key=key)
        undecided = await installation.call("import", str(file), "--yes")
        unasked = await installation.call("import", str(file), "--map", "time=Wann", "--date-format", "%d/%m/%Y", "--map", "id=Nr")
        decided = await installation.call(
            "import", str(file), "--yes", "--map", "time=Wann", "--date-format", "%d/%m/%Y", "--map", "id=Nr", "--set", "channel=mail"
        )
        listed = await installation.call("imports", "list")
        views = (await client.get("/v1/imports")).json()["items"]

    assert undecided.returncode == unasked.returncode == 2
    assert "decide: field time" in undecided.stdout
    assert "nothing was sent" in undecided.stderr
    assert "start it with `hearback imports start" in unasked.stderr
    assert decided.returncode == 0, decided.stderr
    assert "read 2 rows: accepted 2, duplicate 0, refused 0" in decided.stdout
    assert "zu spät" in decided.stdout
    assert [(view["state"], view["accepted"]) for view in views] == [("done", 2), ("waiting", 0), ("cancelled", 0)]
    assert "beschwerden.csv" in listed.stdout


async def test_a_person_sees_what_a_file_becomes_is_asked_and_may_leave_and_come_back(
    platform: Platform, importing: Service, tmp_path: Path
) -> None:
    key = await platform.key("person")
    (tmp_path / "answers.csv").write_text(answers(80_000))
    async with platform.client(importing, key) as client:
        installation = Installation.make(tmp_path, platform.kafka.bootstrap, urls={"ingest": importing.url}, key=key)
        async with terminal(installation, "import", "answers.csv") as refusing:
            await refusing.shows("start? [y/N]:")
            refusing.type("n\n")
            code = await refusing.ended()
        async with terminal(installation, "import", "answers.csv") as leaving:
            await leaving.shows("start? [y/N]:")
            leaving.type("y\n")
            await leaving.shows("rows/s")
            leaving.interrupt()
            await leaving.ended()
        [left, cancelled] = (await client.get("/v1/imports")).json()["items"]
        await platform.stop(importing)
        async with terminal(installation, "imports", "follow", left["id"]) as away:
            away_code = await away.ended()
        await importing.start()
        platform.services.append(importing)
        async with terminal(installation, "imports", "follow", left["id"]) as back:
            await back.shows("rows/s")
            await importing.kill()
            await back.shows("does not answer")
            await importing.start()
            await client.post(f"/v1/imports/{left['id']}/cancel")
            back_code = await back.ended()

    assert (code, cancelled["state"], cancelled["read"]) == (2, "cancelled", 0)
    assert re.search(r"NPS +│ answer NPS +│ 7 · 8 · 9", refusing.screen)
    assert "nothing was sent" in refusing.screen
    assert left["state"] == "running"
    assert f"hearback imports follow {left['id']}" in leaving.screen
    assert (away_code, back_code) == (1, 1)
    assert "ingest: does not answer at" in away.screen
    assert "the import was cancelled there; what was accepted stays" in back.screen


@pytest.mark.skipif(not CFPB.exists(), reason=f"{CFPB.name} is not beside this checkout")
async def test_real_complaints_are_recognised_without_a_word(platform: Platform, importing: Service, tmp_path: Path) -> None:
    key = await platform.key("recognised")
    async with platform.client(importing, key):
        installation = Installation.make(tmp_path, platform.kafka.bootstrap, urls={"ingest": importing.url}, key=key)

        done = await installation.call("import", str(CFPB), "--yes", "--name", "cfpb", "--refused", str(tmp_path / "refused.csv"))

    with gzip.open(CFPB, "rt", newline="") as file:
        rows = len(list(csv.DictReader(file)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Complaint ID +│ id +│", done.stdout), "long values leave no room for what a column becomes"
    assert f"read {rows:,} rows: accepted {rows:,}, duplicate 0, refused 0" in done.stdout
