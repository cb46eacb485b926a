"""stack.json: whole at every moment, for our eyes only, and believed only while its supervisor lives."""

import os
from pathlib import Path

import pytest

from services.cli.stack.stack_file import KafkaEntry, Listening, PostgresEntry, StackFile
from shared.errors import ConfigurationError


def stack(supervisor_pid: int) -> StackFile:
    """A stack with one service."""
    return StackFile(
        supervisor_pid=supervisor_pid,
        services={"ingest": Listening(url="http://127.0.0.1:8001", pid=1)},
        kafka=KafkaEntry(bootstrap="127.0.0.1:9092", pid=2),
        postgres=PostgresEntry(url="postgresql://127.0.0.1:54320/postgres", pid=3, databases={}),
    )


def test_it_is_read_as_it_was_written_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    written = stack(os.getpid())

    written.write(file)

    assert StackFile.read(file) == written
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_no_file_means_that_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="start it with `make run`"):
        StackFile.read(tmp_path / "stack.json")


def test_a_file_whose_supervisor_is_dead_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    never_a_pid = 2**22 + 1
    stack(never_a_pid).write(file)

    with pytest.raises(ConfigurationError, match="was killed"):
        StackFile.read(file)
