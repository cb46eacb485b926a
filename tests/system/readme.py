"""The commands of the README, as a reader would copy them."""

import re
from pathlib import Path
from typing import Any

from services.cli.stack.ports import free_port
from tests.system.checkout import HERE

README = HERE / "README.md"
ELSEWHERE = {"make run", "make test"}
"""Commands that other tests execute: `make run` is running when these are called, `make test` is what calls them."""

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[str]:
    """Every block of shell commands, in order."""
    return [block.strip() for block in _BLOCK.findall(README.read_text())]


def commands() -> list[str]:
    """The blocks to execute."""
    return [block for block in blocks() if block not in ELSEWHERE]


def on(stack: dict[str, Any], script: str) -> str:
    """A script with the addresses of the stack that runs in the place of those that the README names."""
    replaced = {
        "http://127.0.0.1:8001": stack["services"]["ingest"]["url"],
        "http://127.0.0.1:8002": stack["services"]["scoring"]["url"],
        "http://127.0.0.1:8003": stack["services"]["closed_loop"]["url"],
        "http://127.0.0.1:8004": stack["services"]["alerts"]["url"],
        "kafka.example.com:9092": stack["kafka"]["bootstrap"],
        "8090": str(free_port()),
    }
    for service, url in stack["postgres"]["databases"].items():
        replaced[f"postgresql://hearback:secret@postgres.example.com/hearback_{service}"] = url
    for written, real in replaced.items():
        script = script.replace(written, real)
    return script


def script(stack: dict[str, Any], pause_seconds: float) -> str:
    """All blocks as one script that stops at the first failure; a marker line stands before each, a pause after what posts and has none."""
    lines = ["set -euo pipefail"]
    for number, block in enumerate(commands()):
        lines += ["echo", f"echo '=== {number}'", block]
        if "/v1/events" in block and "sleep" not in block:
            lines.append(f"sleep {pause_seconds}")
    return on(stack, "\n".join(lines))


def outputs(printed: str) -> dict[str, str]:
    """What each block printed, by the block."""
    parts = re.split(r"^=== \d+$", printed, flags=re.MULTILINE)[1:]
    return dict(zip(commands(), (part.strip() for part in parts), strict=True))


def ci_command() -> str:
    """The last line of .ci/run."""
    return Path(HERE / ".ci" / "run").read_text().strip().splitlines()[-1]
