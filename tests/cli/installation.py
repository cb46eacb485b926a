"""A folder whose `.hearback/stack.json` names the parts that a test runs, and the `hearback` command called in it."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cli.stack.stack_file import Demo, KafkaEntry, Listening, PostgresEntry, StackFile


@dataclass(frozen=True)
class Installation:
    """`folder` is what the command takes for its checkout."""

    folder: Path

    @classmethod
    def make(
        cls, folder: Path, bootstrap: str, databases: dict[str, str] | None = None, urls: dict[str, str] | None = None, key: str = ""
    ) -> "Installation":
        """Write down the parts; with `key` also that of the demo tenant."""
        (folder / ".hearback").mkdir()
        (folder / "pyproject.toml").touch()
        StackFile(
            supervisor_pid=os.getpid(),
            services={name: Listening(url=url, pid=None) for name, url in (urls or {}).items()},
            kafka=KafkaEntry(bootstrap=bootstrap, pid=None),
            postgres=PostgresEntry(url="", pid=None, databases=databases or {}),
            demo=Demo(tenant="demo", key=key) if key else None,
        ).write(folder / ".hearback" / "stack.json")
        return cls(folder)

    async def call(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """`hearback` with these arguments, to its end; nothing but stack.json and `environment` tells it where anything is."""
        return await asyncio.to_thread(
            subprocess.run, self.command(*arguments), cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        """The program and its arguments."""
        return [sys.executable, "-m", "services.cli.main", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """That of this process, but for what would name another installation; wide, so that nothing is wrapped."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEARBACK_")}
        return {**inherited, "COLUMNS": "200", **more}

    async def told(self, *arguments: str) -> Any:
        """What a successful call with `--json` tells."""
        done = await self.call(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
