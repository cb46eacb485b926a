"""A command in a terminal: what it shows there, what is typed, Ctrl-C."""

import asyncio
import os
import pty
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.cli.installation import Installation

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
SECONDS = 60.0


class Terminal:
    """Of one command."""

    def __init__(self, process: asyncio.subprocess.Process, end: int) -> None:
        self._process = process
        self._end = end
        self._shown = b""

    @property
    def screen(self) -> str:
        """Everything that was written so far, without colours and movements."""
        return _ESCAPES.sub("", self._shown.decode("utf-8", "replace"))

    async def shows(self, text: str) -> None:
        """Wait until this has been written."""
        try:
            async with asyncio.timeout(SECONDS):
                while text not in self.screen:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.screen}") from None

    def type(self, text: str) -> None:
        """As from a keyboard."""
        os.write(self._end, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.wait_for(self._process.wait(), SECONDS)

    def read(self) -> None:
        """Take over what has been written."""
        try:
            self._shown += os.read(self._end, 65536)
        except OSError:  # the command has ended
            asyncio.get_running_loop().remove_reader(self._end)


@asynccontextmanager
async def terminal(installation: Installation, *arguments: str) -> AsyncIterator[Terminal]:
    """`hearback` with these arguments, in a terminal that is 100 columns wide."""
    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        "env",
        "--default-signal=INT",  # which a shell's job in the background ignores, and so would its children
        *installation.command(*arguments), cwd=installation.folder, env=installation.environment(COLUMNS="100", TERM="xterm"),
        stdin=its, stdout=its, stderr=its,
    )  # fmt: skip
    os.close(its)
    shown = Terminal(process, ours)
    asyncio.get_running_loop().add_reader(ours, shown.read)
    try:
        yield shown
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()
