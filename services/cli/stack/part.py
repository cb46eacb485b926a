"""What the supervisor needs to know of a part of the stack, and the one way to bring a part up and to take it down."""

import asyncio
from typing import Protocol

from services.cli.stack.child import Child, Command
from shared.errors import Unavailable

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

    def prepare(self) -> None:
        """Make what must exist before the process starts; may take seconds, runs outside the event loop.

        Raises ConfigurationError when it cannot ever start as the machine is.
        """

    def command(self) -> Command:
        """The process to start."""

    async def is_ready(self) -> bool:
        """Whether it does its work now."""


async def bring_up(part: Part) -> Child:
    """Prepare and start the part, and wait until it is ready.

    Raises Unavailable, with nothing left running, when the process ends or is not ready in its time.
    """
    await asyncio.to_thread(part.prepare)
    child = await Child.start(part.command())
    try:
        await _until_ready(part, child)
    except BaseException:  # whatever it was: nothing may be left running that nobody holds
        child.kill()
        await child.wait()
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


async def _until_ready(part: Part, child: Child) -> None:
    log = part.command().log
    try:
        async with asyncio.timeout(part.start_seconds):
            while not await part.is_ready():
                if child.exit_code is not None:
                    raise Unavailable(part.name, f"ended with code {child.exit_code} at its start, see {log}")
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise Unavailable(part.name, f"not ready within {part.start_seconds:.0f} s, see {log}") from None
