"""Keeps one part running: starts it, watches it, starts it again with back-off when it ends."""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum

from services.cli.stack.backoff import BackOff
from services.cli.stack.child import Child
from services.cli.stack.part import Part, bring_up, how_it_ended
from shared.errors import ConfigurationError, Unavailable


class Doing(StrEnum):
    """What a part is up to."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DOWN = "down"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Keeper:
    """One part and its process of now. `changed` is called whenever there is something new to show."""

    def __init__(self, part: Part, changed: Callable[["Keeper"], None]) -> None:
        self.part = part
        self.doing = Doing.WAITING
        self.note = ""
        self.restarts = 0
        self.ready = asyncio.Event()
        self._changed = changed
        self._child: Child | None = None
        self._has_worked = False

    @property
    def pid(self) -> int | None:
        """The process of now; None while there is none."""
        return self._child.pid if self._child and self._child.exit_code is None else None

    async def keep(self) -> None:
        """Run for ever, until cancelled. Raises ConfigurationError when the part cannot start the first time as things are."""
        back_off = BackOff()
        while True:
            started = time.monotonic()
            try:
                note = await self._run_once()
            except Unavailable as failed:
                note = failed.detail
            except ConfigurationError as refused:
                if not self._has_worked:
                    raise
                note = str(refused)  # it worked before, so what stands in its way may go again
            pause = back_off.pause_after(time.monotonic() - started)
            self._say(Doing.DOWN, f"{note}; again in {pause:g} s")
            await asyncio.sleep(pause)
            self.restarts += 1

    async def stop(self) -> None:
        """End its process in order; returns when it is gone."""
        if self.pid is not None and self._child is not None:
            self._say(Doing.STOPPING, "")
            await self._child.stop()
        self._say(Doing.STOPPED, "")

    def kill(self) -> None:
        """End its process at once."""
        if self._child:
            self._child.kill()

    async def _run_once(self) -> str:
        self._say(Doing.STARTING, "")
        await bring_up(self.part, self._has_started)
        assert self._child is not None
        self.ready.set()
        self._has_worked = True
        self._say(Doing.READY, "")
        code = await self._child.wait()
        self.ready.clear()
        return how_it_ended(code, self.part.command().log)

    def _has_started(self, child: Child) -> None:
        self._child = child
        self._changed(self)

    def _say(self, doing: Doing, note: str) -> None:
        self.doing, self.note = doing, note
        self._changed(self)
