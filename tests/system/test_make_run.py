"""`make run` in a fresh clone: up in time, kept up through kills, down in order, its data still there the next time."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.stack.child import started_at
from tests.system import readme
from tests.system.checkout import Checkout

READY_WITHIN_SECONDS = 90.0  # what the product promises on two cores
PATIENCE_SECONDS = 240.0  # how long a test waits before it says what is wrong
PLAIN_USER = "daemon"
SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture(scope="module")
def closed_checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone below a folder that only its owner may enter."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    return Checkout.make(closed / "hearback")


@pytest.fixture(scope="module")
def running(closed_checkout: Checkout) -> Iterator["subprocess.Popen[bytes]"]:
    """`make run` of that clone, ready."""
    process = closed_checkout.make_run("SIMULATE=0")
    try:
        closed_checkout.stack(PATIENCE_SECONDS)
        yield process
    finally:
        closed_checkout.call("make", "stop")
        process.wait(timeout=PATIENCE_SECONDS)


def pids(stack: dict[str, Any]) -> dict[str, int]:
    """Part → pid."""
    return {name: entry["pid"] for name, entry in {**stack["services"], "kafka": stack["kafka"], "postgres": stack["postgres"]}.items()}


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for it. Fails with `what` when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def all_ready(checkout: Checkout) -> bool:
    """Whether `hearback status` finds every part at work."""
    return checkout.call(".venv/bin/hearback", "status").returncode == 0


@pytest.mark.usefixtures("running")
class TestWhileItRuns:
    """In this order, on one run."""

    def test_it_is_ready_in_time_and_says_where_everything_is(self, closed_checkout: Checkout) -> None:
        file = closed_checkout.folder / ".hearback" / "stack.json"

        stack = closed_checkout.stack(0.1)

        assert stack["ready_seconds"] < READY_WITHIN_SECONDS
        assert file.stat().st_mode & 0o777 == 0o600
        assert closed_checkout.folder.parent.stat().st_mode & 0o777 == 0o700
        for service in stack["services"].values():
            answer = httpx.get(f"{service['url']}/v1/whoami", headers={"Authorization": f"Bearer {stack['demo']['key']}"})
            assert answer.json()["tenant"] == stack["demo"]["tenant"]

    def test_every_command_of_the_readme_works(self, closed_checkout: Checkout) -> None:
        stack = closed_checkout.stack(0.1)

        called = closed_checkout.call("bash", "-c", readme.script(stack, pause_seconds=5))

        assert called.returncode == 0, called.stdout + called.stderr
        printed = readme.outputs(called.stdout)
        posted, revised, _ = (output for block, output in printed.items() if "/v1/events" in block)
        assert posted == revised.replace("[0]", "[]") == '{"accepted":1,"duplicates":[],"rejected":[]}'
        [numbers] = (output for block, output in printed.items() if "group_by=channel" in block)
        assert '"value":100.0,"n":1' in numbers
        assert '"slice":{"channel":"phone"}' in numbers
        [told] = (output for block, output in printed.items() if "told.txt" in block and "wait" in block)
        assert told.startswith("webhook ")
        assert "signature genuine" in told
        assert "The first_response clock of case" in told
        [closed] = (output for block, output in printed.items() if "/close" in block)
        assert '"state":"closed"' in closed
        [published] = (output for block, output in printed.items() if "prometheus" in block)
        assert re.search(r'hearback_scoring_metric_value{.*metric="nps".*window="1h"} -100.0', published)

    def test_continuous_integration_calls_the_test_command_of_the_readme(self) -> None:
        assert readme.ci_command() in readme.ELSEWHERE & set(readme.blocks())

    def test_postgres_does_not_run_as_root(self, closed_checkout: Checkout) -> None:
        pid = pids(closed_checkout.stack(0.1))["postgres"]

        assert Path(f"/proc/{pid}").stat().st_uid != 0

    @pytest.mark.parametrize("parts", [("scoring", "ingest"), ("postgres", "kafka")], ids=" and ".join)
    def test_parts_that_are_killed_are_started_again_and_that_is_shown(self, closed_checkout: Checkout, parts: tuple[str, str]) -> None:
        before = pids(closed_checkout.stack(0.1))

        for part in parts:
            os.kill(before[part], signal.SIGKILL)

        for part in parts:
            wait_until(lambda part=part: pids(closed_checkout.stack(0.1))[part] not in (None, before[part]), f"{part} does not come back")
        wait_until(lambda: all_ready(closed_checkout), f"not all ready after a kill of {parts}")
        for part in parts:
            assert f"{part}: down: ended by SIGKILL; again in 0.5 s" in closed_checkout.output

    def test_a_second_run_is_refused_in_one_line(self, closed_checkout: Checkout) -> None:
        second = closed_checkout.call("make", "run")

        assert second.returncode != 0
        assert "the stack of this folder runs already" in second.stderr.splitlines()[0]

    def test_its_data_cannot_be_removed_under_it(self, closed_checkout: Checkout) -> None:
        refused = closed_checkout.call("make", "clean")

        assert refused.returncode != 0
        assert "stop it first with `make stop`" in refused.stderr
        assert (closed_checkout.folder / ".hearback" / "postgres").exists()


def test_after_a_kill_of_everything_at_once_the_next_run_has_the_data_and_a_signal_stops_it_in_order(
    closed_checkout: Checkout, running: "subprocess.Popen[bytes]"
) -> None:
    former = closed_checkout.stack(0.1)
    os.kill(former["supervisor_pid"], signal.SIGKILL)
    running.wait(timeout=PATIENCE_SECONDS)

    again = closed_checkout.make_run("SIMULATE=0")
    wait_until(lambda: "ready after" in closed_checkout.output, "it does not start again")
    stack = closed_checkout.stack(1)

    assert not {pid for pid in pids(former).values() if started_at(pid)}
    assert stack["demo"] == former["demo"]

    again.send_signal(signal.SIGTERM)
    again.wait(timeout=PATIENCE_SECONDS)

    stopped = re.findall(r"^(\w+): stopped$", closed_checkout.output, re.MULTILINE)
    assert set(stopped[:-2]) == set(stack["services"])
    assert stopped[-2:] == ["kafka", "postgres"]
    assert not {pid for pid in pids(stack).values() if started_at(pid)}
    assert not (closed_checkout.folder / ".hearback" / "stack.json").exists()
    assert closed_checkout.call("make", "clean").returncode == 0
    assert not (closed_checkout.folder / ".hearback").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as a plain user already")
@pytest.mark.skipif(not SYSTEM_PYTHON.exists(), reason="no Python that another user may run")
def test_a_plain_user_gets_it_in_time_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path("/var/tmp") / f"hearback-{os.getpid()}"  # where another user may go
    checkout = Checkout.make(folder, PLAIN_USER)
    process = checkout.make_run("SIMULATE=0")
    try:
        stack = checkout.stack(PATIENCE_SECONDS)

        assert stack["ready_seconds"] < READY_WITHIN_SECONDS
        assert {Path(f"/proc/{pid}").owner() for pid in pids(stack).values()} == {PLAIN_USER}
    finally:
        checkout.call("make", "stop")
        process.wait(timeout=PATIENCE_SECONDS)
        subprocess.run(["rm", "-rf", folder], check=True)
