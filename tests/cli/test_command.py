"""The `hearback` command on a machine where nothing runs: every refusal is one line and an exit code."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that the command takes for the checkout that it is called in."""
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".hearback").mkdir()
    return tmp_path


def hearback(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command there, with this environment on top of ours."""
    told: Mapping[str, str] = {**os.environ, **environment}
    command = [sys.executable, "-m", "services.cli.main", *arguments]
    return subprocess.run(command, cwd=checkout, env=told, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["status", "migrate"])
def test_what_needs_a_stack_says_how_to_start_one(checkout: Path, command: str) -> None:
    done = hearback(checkout, command)

    assert done.returncode == 2
    assert done.stderr.startswith("hearback: ")
    assert "`make run`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_stop_has_nothing_to_do(checkout: Path) -> None:
    done = hearback(checkout, "stop")

    assert (done.returncode, done.stdout) == (0, "nothing runs here\n")


def test_up_names_the_taken_port_and_the_way_out_and_starts_nothing(checkout: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = hearback(checkout, "up", HEARBACK_LOCAL_POSTGRES_PORT=port)

    assert done.returncode == 2
    assert f"port {port} for PostgreSQL is taken" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (checkout / ".hearback" / "postgres").exists()


def test_up_names_a_setting_that_is_no_port(checkout: Path) -> None:
    done = hearback(checkout, "up", HEARBACK_SCORING_PORT="many")

    assert done.returncode == 2
    assert "HEARBACK_SCORING_PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_up_says_what_it_could_not_download(checkout: Path) -> None:
    done = hearback(checkout, "up", XDG_CACHE_HOME=str(checkout / "cache"), HEARBACK_LOCAL_MAVEN_REPOSITORY="http://127.0.0.1:9")

    assert done.returncode == 2
    assert "cannot fetch" in done.stderr
    assert "check the network" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_topics_are_listed_without_a_cluster(checkout: Path) -> None:
    done = hearback(checkout, "topics", "list", COLUMNS="200")

    assert done.returncode == 0
    assert "feedback.events.v1" in done.stdout
