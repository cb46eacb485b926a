"""`hearback simulate` and `hearback replay` as a person calls them, on a running ingest, also while it is killed under them."""

import asyncio
import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from tests.cli.installation import Installation
from tests.system.platform import Platform, Service

START = datetime(2019, 5, 6, 10, tzinfo=UTC)


@pytest_asyncio.fixture
async def installation(platform: Platform, ingest: Service, tmp_path: Path) -> Installation:
    """A stack whose demo key works."""
    key = await platform.key("client-commands")
    async with platform.client(ingest, key):
        return Installation.make(tmp_path, platform.kafka.bootstrap, urls={"ingest": ingest.url}, key=key)


async def start_simulating(installation: Installation, *arguments: str) -> asyncio.subprocess.Process:
    """`hearback simulate`, on its way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARBACK_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli.main", "simulate", *arguments,
        cwd=installation.folder, env={**kept, "PYTHONUNBUFFERED": "1"}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def test_the_simulator_gives_up_nothing_while_ingest_is_killed(installation: Installation, ingest: Service) -> None:
    simulator = await start_simulating(installation, "--rate", "60", "--seconds", "5", "--seed", "7")
    assert simulator.stdout is not None
    first = await simulator.stdout.readline()
    await asyncio.sleep(1.5)

    await ingest.kill()
    await asyncio.sleep(0.7)
    await ingest.start()
    rest, _ = await asyncio.wait_for(simulator.communicate(), 60)

    assert first.decode() == f"posting 60 events a second to {ingest.url}\n"
    assert simulator.returncode == 0
    assert "ingest: ConnectError; again in" in rest.decode()
    assert re.fullmatch(r"posted 300 events \(\d+ of them sent before\), refused 0", rest.decode().splitlines()[-1])


async def test_the_simulator_stops_when_it_is_told(installation: Installation) -> None:
    simulator = await start_simulating(installation, "--rate", "200")
    assert simulator.stdout is not None
    await simulator.stdout.readline()
    await asyncio.sleep(1)

    simulator.send_signal(signal.SIGTERM)
    rest, _ = await asyncio.wait_for(simulator.communicate(), 30)

    assert simulator.returncode == 0
    posted = re.fullmatch(r"posted (\d+) events .*refused 0", rest.decode().splitlines()[-1])
    assert posted is not None
    assert int(posted[1]) > 5


async def test_a_file_of_events_becomes_history_and_what_is_refused_is_told(
    installation: Installation, platform: Platform, scoring: Service
) -> None:
    events = [
        {
            "type": "feedback.complaint_raised.v1",
            "time": (START + timedelta(minutes=n)).isoformat(),
            "data": {"channel": "mail", "text": "late"},
        }
        for n in range(1200)
    ]
    lines = [json.dumps(event) for event in events]
    lines[700] = json.dumps({**events[700], "data": {"channel": "pigeon", "text": "late"}})
    lines[900] = "{broken"
    file = installation.folder / "events.ndjson"
    file.write_text("\n".join(lines))

    first = await installation.call("replay", str(file))
    again = await installation.call("replay", str(file))

    assert first.returncode == again.returncode == 1
    told = first.stdout.splitlines()
    assert told[:3] == [
        "read 1,200 rows",
        "left out: 1 rows, each is no JSON object",
        "accepted 1,198 events (0 of them known from before), refused 1",
    ]
    assert "channel" in told[3]
    assert "1,198 of them known from before" in again.stdout
    stack = json.loads((installation.folder / ".hearback" / "stack.json").read_text())
    span = {"from": START.isoformat(), "to": (START + timedelta(days=1)).isoformat()}
    async with platform.client(scoring, stack["demo"]["key"]) as reading, asyncio.timeout(60):
        while True:
            answer = await reading.get("/v1/metrics", params={"metric": "complaint_rate", **span})
            if answer.json()["items"][0]["components"]["complaints"] == 1198:
                break
            await asyncio.sleep(0.2)


async def test_without_a_stack_the_commands_say_how_to_get_one(tmp_path: Path) -> None:
    (tmp_path / ".hearback").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "history.csv").write_text("a,b\n1,2\n")
    alone = Installation(tmp_path)

    simulate = await alone.call("simulate")
    replay = await alone.call("replay", "history.csv")
    missing = await alone.call("replay", "nothing.csv")
    unknown = await alone.call("replay", "history.csv", HEARBACK_INGEST_URL="http://127.0.0.1:9", HEARBACK_KEY="hb_a_b")

    for done in (simulate, replay):
        assert (done.returncode, done.stderr.splitlines()) == (
            2, ["hearback: no stack runs here: start it with `make run`, or set HEARBACK_INGEST_URL and HEARBACK_KEY"],
        )  # fmt: skip
    assert (missing.returncode, missing.stderr) == (2, "hearback: there is no file nothing.csv\n")
    assert unknown.returncode == 2
    assert "history.csv is neither one event as JSON a line nor a data set" in unknown.stderr
    assert len(unknown.stderr.splitlines()) == 1
