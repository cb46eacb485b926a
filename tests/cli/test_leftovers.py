"""What a killed run left is ended, and nobody else is."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli.stack import leftovers
from services.cli.stack.child import started_at


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that would run for a long time."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_recorded_process_that_still_runs_is_ended(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    file = tmp_path / "processes.json"
    leftovers.ProcessRecord(file).add("kafka", sleeper.pid)

    ended = leftovers.end(file)

    assert ended == ["kafka"]
    assert sleeper.wait(timeout=5) != 0


def test_a_process_that_only_got_the_same_pid_is_left_alone(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    file = tmp_path / "processes.json"
    started = started_at(sleeper.pid)
    assert started is not None
    file.write_text(json.dumps({"kafka": [sleeper.pid, started - 1]}))

    ended = leftovers.end(file)

    assert ended == []
    assert sleeper.poll() is None


def test_without_a_record_there_is_nothing_to_end(tmp_path: Path) -> None:
    assert leftovers.end(tmp_path / "processes.json") == []
