"""The committed JSON Schemas are those of the models, and `--check` refuses what a released reader could not follow."""

import json
import subprocess
from pathlib import Path

import pytest

from shared.contracts.registry import EVENT_TYPES
from shared.contracts.schemas import DIRECTORY, generate, main


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A repository of its own with the generated files, committed."""
    directory = tmp_path / "contracts" / "schemas"
    directory.parent.mkdir()
    git(tmp_path, "init")
    assert main(["--write", "--directory", str(directory)]) == 0
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return directory


def release(directory: Path, tag: str) -> None:
    """Commit whatever lies in the directory, tag it, and bring back what the models give."""
    git(directory, "add", "--all", ".")
    git(directory, "commit", "--allow-empty", "-m", tag)
    git(directory, "tag", tag)
    main(["--write", "--directory", str(directory)])


def add_property(file: Path, name: str) -> None:
    schema = json.loads(file.read_text())
    schema["properties"][name] = {"type": "string"}
    file.write_text(json.dumps(schema))


def test_the_committed_schemas_are_those_of_the_models() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in DIRECTORY.glob("*.json")}

    assert committed.keys() == {f"{name}.json" for name in [*EVENT_TYPES, "envelope"]}
    assert committed == generate(), "run python -m shared.contracts.schemas --write and commit the result"


def test_a_stale_a_missing_and_a_left_over_file_are_each_named(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (schemas / "envelope.json").unlink()
    (schemas / "old.v1.json").write_text("{}")
    add_property(schemas / "metric.sampled.v1.json", "extra")

    assert main(["--check", "--directory", str(schemas)]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["envelope.json", "metric.sampled.v1.json", "old.v1.json"]
    assert main(["--write", "--directory", str(schemas)]) == main(["--check", "--directory", str(schemas)]) == 0


def test_before_the_first_release_the_check_only_says_so(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--directory", str(schemas)]) == 0

    assert "no release yet" in capsys.readouterr().out


def test_a_field_lost_since_the_newest_release_fails_the_check(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(schemas, "v0.9.0")
    add_property(schemas / "metric.sampled.v1.json", "promised")
    release(schemas, "v0.10.0")

    assert main(["--check", "--directory", str(schemas)]) == 1

    told = capsys.readouterr()
    assert "compared with v0.10.0: 1 breaking changes" in told.out
    assert told.err.startswith("metric.sampled.v1.json: data.promised: removed")


def test_a_type_lost_since_the_release_fails_and_a_new_type_passes(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (schemas / "case.opened.v1.json").unlink()
    release(schemas, "v1.0.0")
    assert main(["--directory", str(schemas)]) == 0
    (schemas / "case.sung.v1.json").write_text("{}")
    release(schemas, "v1.0.1")
    capsys.readouterr()

    assert main(["--directory", str(schemas)]) == 1

    assert capsys.readouterr().err.startswith("case.sung.v1.json: removed")


def test_a_release_without_the_schemas_is_nothing_to_break(schemas: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(schemas, "rm", "-r", "--cached", ".")
    git(schemas, "commit", "-m", "none yet")
    git(schemas, "tag", "v0.1.0")

    assert main(["--directory", str(schemas)]) == 0

    assert "compared with v0.1.0: 0 breaking changes" in capsys.readouterr().out


def test_outside_a_repository_the_files_are_still_compared_with_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert main(["--directory", str(tmp_path)]) == 1
    assert main(["--write", "--directory", str(tmp_path)]) == main(["--directory", str(tmp_path)]) == 0
