"""The record of the processes we started, and what of a former run is still alive: the case of a supervisor that was killed.

The kernel has asked its children to end by then; this waits for them, and kills what does not end, before their ports and
folders are used again. A pid alone names nobody, so the start time is recorded with it.
"""

import json
import os
import signal
import time
from pathlib import Path

from services.cli.stack.child import started_at
from services.cli.stack.files import replace_file

GRACE_SECONDS = 25.0


class ProcessRecord:
    """The file that names the processes of this run, by part."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._processes: dict[str, tuple[int, int]] = {}

    def add(self, part: str, pid: int) -> None:
        """Write down a process that was just started."""
        started = started_at(pid)
        if started is not None:
            self._processes[part] = (pid, started)
            replace_file(self._file, json.dumps(self._processes))

    def clear(self) -> None:
        """Nothing of ours runs any more."""
        self._processes.clear()
        self._file.unlink(missing_ok=True)


def alive(file: Path) -> dict[str, int]:
    """Part → pid of the recorded processes that still run."""
    try:
        recorded: dict[str, tuple[int, int]] = json.loads(file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return {part: pid for part, (pid, started) in recorded.items() if started_at(pid) == started}


def end(file: Path) -> list[str]:
    """Ask what still runs to end, wait, kill the rest. The names of the parts that had been left. Blocks for up to the grace."""
    left = alive(file)
    for pid in left.values():
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while (still := alive(file)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in still.values():
        _signal(pid, signal.SIGKILL)
    return list(left)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
