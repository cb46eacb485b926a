"""Processes end when they are told to, and when the one that started them is gone."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from services.cli.stack.child import Child, Command, started_at

STARTS_A_SLEEPER = """
import asyncio, sys
from pathlib import Path
from services.cli.stack.child import Child, Command

async def main():
    child = await Child.start(Command(("sleep", "600"), Path(sys.argv[1])))
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


async def test_a_child_that_ignores_its_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    stubborn = ("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    command = Command(stubborn, tmp_path / "log", grace_seconds=0.3)
    child = await Child.start(command)
    while "deaf" not in command.log.read_text():
        await asyncio.sleep(0.02)

    code = await child.stop()

    assert code == -signal.SIGKILL


async def test_a_child_does_not_hear_the_signals_of_our_terminal(tmp_path: Path) -> None:
    child = await Child.start(Command(("sleep", "600"), tmp_path / "log"))

    assert os.getpgid(child.pid) != os.getpgrp()

    await child.stop()


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", STARTS_A_SLEEPER, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    while Path(f"/proc/{child}/comm").read_text().strip() != "sleep":  # until setpriv has become the program
        time.sleep(0.02)

    supervisor.kill()
    supervisor.communicate()

    deadline = time.monotonic() + 10
    while started_at(child) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert started_at(child) is None
