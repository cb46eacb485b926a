"""One operating-system process of the stack: how it is started, watched and ended.

Every child runs in a session of its own, so that Ctrl-C reaches only the supervisor, which stops the parts in order; and
the kernel signals it when the supervisor dies without a word (`setpriv --pdeathsig`), so that nothing lingers. That signal
is bound to the starting thread: start children from the main thread only.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `environment` is added to our own; output is appended to `log`; `privileges` are options of setpriv(1)."""

    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    privileges: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 25.0


def run_to_end(*arguments: str | Path, timeout_seconds: float | None = None) -> tuple[int, str]:
    """Run a short program of ours and wait; its exit code and what it said on both outputs. Raises OSError, TimeoutExpired."""
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_seconds, check=False)  # noqa: S603
    return done.returncode, done.stdout.strip()


class Child:
    """A started process. `stop` asks it to end and kills it only after its grace."""

    def __init__(self, process: asyncio.subprocess.Process, command: Command) -> None:
        self._process = process
        self._command = command

    @classmethod
    async def start(cls, command: Command) -> "Child":
        """Start it. Raises ConfigurationError when this machine lacks `setpriv`."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        death = command.stop_signal.name.removeprefix("SIG")
        with command.log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    "setpriv",
                    f"--pdeathsig={death}",
                    *command.privileges,
                    "--",
                    *command.arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **command.environment},  # handed on whole, no value is read here
                    start_new_session=True,
                )
            except FileNotFoundError:
                raise ConfigurationError("`setpriv` is missing: install util-linux (the local stack runs on Linux only)") from None
        return cls(process, command)

    @property
    def pid(self) -> int:
        """The process id, valid also after its end."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end; the exit code."""
        return await self._process.wait()

    def kill(self) -> None:
        """SIGKILL, at once; no error when it has ended already."""
        if self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> int:
        """Ask it to end, wait for its grace, then kill. Returns the exit code."""
        if self._process.returncode is None:
            self._process.send_signal(self._command.stop_signal)
        try:
            async with asyncio.timeout(self._command.grace_seconds):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()


def started_at(pid: int) -> int | None:
    """When the kernel started this process, in clock ticks since boot; None when there is no such process.

    Together with the pid this names a process for good, since pids are used again.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])
