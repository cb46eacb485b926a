"""What the supervisor needs to know of a part of the stack, and the one way to bring a part up and to take it down."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from services.cli.stack.child import Child, Command
from services.cli.stack.disk import patient_with_full_disk
from services.cli.stack.logs import last_line, says_full
from shared.errors import ConfigurationError, Unavailable

LOOK_AGAIN_SECONDS = 0.1
START_AGAIN_SECONDS = 0.5


class Part(Protocol):
    """Kafka, PostgreSQL, a service or the simulator."""

    @property
    def name(self) -> str:
        """What the screen and stack.json call it."""

    @property
    def url(self) -> str | None:
        """Where it answers, without secrets; None when it listens nowhere."""

    @property
    def start_seconds(self) -> float:
        """How long it may take to become ready before it counts as failed."""

    @property
    def refusal_code(self) -> int | None:
        """The exit code that says that its configuration is wrong and trying again cannot help; None: there is none."""

    def prepare(self) -> None:
        """Make what must exist before the process starts; may take seconds, runs outside the event loop.

        Raises ConfigurationError when it cannot ever start as the machine is.
        """

    def command(self) -> Command:
        """The process to start."""

    async def is_ready(self) -> bool:
        """Whether it does its work now."""


def _nobody(_: Child) -> None:
    """Nobody wants to know of the process before it is ready."""


async def bring_up(part: Part, started: Callable[[Child], None] = _nobody) -> Child:
    """Prepare and start the part, and wait until it is ready; `started` learns of the process as soon as there is one.

    Raises, with nothing left running: Unavailable when the process ends or is not ready in its time, ConfigurationError when
    it refuses its configuration.
    """
    with patient_with_full_disk(part.name, part.command().log):
        await asyncio.to_thread(part.prepare)
        command = part.command()
        child = await Child.start(command)
    started(child)
    try:
        await _until_ready(part, child, command.log)
    except BaseException:  # whatever it was: nothing may be left running that nobody holds
        await child.stop()
        raise
    return child


async def bring_up_again(part: Part, patience_seconds: float = 30.0) -> Child:
    """As `bring_up`, after a kill: tried again while the machine still holds what the dead process had.

    PostgreSQL's shared memory is free only when its last backend has noticed. Raises the last error when patience ends.
    """
    deadline = asyncio.get_running_loop().time() + patience_seconds
    while True:
        try:
            return await bring_up(part)
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(START_AGAIN_SECONDS)


def how_it_ended(code: int, log: Path) -> str:
    """In a few words, with the log's word on a full disk, the one reason that a person can remove."""
    if says_full(log):
        return f"the disk that holds {log} is full: free some space"
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with code {code}: {last_line(log)} ({log})"


async def _until_ready(part: Part, child: Child, log: Path) -> None:
    try:
        async with asyncio.timeout(part.start_seconds):
            while not await part.is_ready():
                if child.exit_code is not None:
                    if child.exit_code == part.refusal_code:
                        raise ConfigurationError(f"{part.name} refuses to start: {last_line(log)}")
                    raise Unavailable(part.name, how_it_ended(child.exit_code, log))
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise Unavailable(part.name, f"not ready within {part.start_seconds:.0f} s, see {log}") from None
