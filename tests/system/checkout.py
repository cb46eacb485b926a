"""A fresh clone of what is on disk here, and `make` in it as a person would call it, as root or as a plain user."""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.settings import LocalSettings
from services.cli.stack.ports import free_port
from shared.settings import load

HERE = Path(__file__).parents[2]
PORTS = (
    "INGEST_PORT",
    "SCORING_PORT",
    "CLOSED_LOOP_PORT",
    "ALERTS_PORT",
    "LOCAL_KAFKA_PORT",
    "LOCAL_KAFKA_CONTROLLER_PORT",
    "LOCAL_POSTGRES_PORT",
)


@dataclass
class Checkout:
    """`folder` is the clone; `user` (a name of this machine) runs everything in it, None: whoever runs the tests."""

    folder: Path
    user: str | None = None
    ports: dict[str, str] = field(default_factory=lambda: {f"HEARBACK_{name}": str(free_port()) for name in PORTS})
    running: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def make(cls, folder: Path, user: str | None = None) -> "Checkout":
        """Clone, without what git ignores; the jars that this machine has are in the user's cache."""
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=HERE, capture_output=True, text=True, check=True)
        for name in listed.stdout.splitlines():
            if (HERE / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(HERE / name, folder / name)
        checkout = cls(folder, user)
        if user is not None:
            shutil.copytree(load(LocalSettings).cache, checkout.home / ".cache" / "hearback")
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, user, "nogroup")
        return checkout

    @property
    def home(self) -> Path:
        """The home of a user who has none on this machine."""
        return self.folder / "home"

    @property
    def output(self) -> str:
        """What `make run` has said so far."""
        return (self.folder / "output").read_text()

    def make_run(self, *variables: str) -> "subprocess.Popen[bytes]":
        """`make run`, without a terminal."""
        command = self._as_user("make", "run", *variables)
        with (self.folder / "output").open("wb") as output:
            self.running = subprocess.Popen(command, cwd=self.folder, env=self._environment(), stdout=output, stderr=output)
        return self.running

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command in the clone, to its end."""
        return subprocess.run(
            self._as_user(*command), cwd=self.folder, env=self._environment(), capture_output=True, text=True, timeout=120
        )

    def stack(self, within_seconds: float) -> dict[str, Any]:
        """stack.json, as soon as it is there."""
        file = self.folder / ".hearback" / "stack.json"
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline and (self.running is None or self.running.poll() is None):
            if file.exists():
                stack: dict[str, Any] = json.loads(file.read_text())
                return stack
            time.sleep(0.2)
        raise AssertionError(f"not ready within {within_seconds} s:\n{self.output}")

    def _as_user(self, *command: str) -> list[str]:
        if self.user is None:
            return list(command)
        return ["setpriv", f"--reuid={self.user}", "--regid=nogroup", "--clear-groups", "--", *command]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEARBACK_", "MAKE", "MFLAGS", "PYTHONPATH"))}
        told = {**kept, **self.ports}
        if self.user is not None:
            told.pop("XDG_CACHE_HOME", None)
            told |= {"HOME": str(self.home), "PYTHON": "/usr/bin/python3", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        return told
