"""Health: `live` while the loops turn, by their own beats; `ready` once started and able to do its work."""

import time
from collections.abc import Awaitable, Callable, Iterable

SILENT_AFTER_SECONDS = 90.0  # longer than a rebalance may last, during which aiokafka hands nothing out

Check = Callable[[], Awaitable[str | None]]
"""Says what is missing, in a few words, or None."""


class Health:
    """Beats of the loops and checks of readiness of one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beats: dict[str, float] = {}
        self._needed: list[Check] = []
        self._others: list[Check] = []

    def beater(self, loop: str) -> Callable[[], None]:
        """What a loop calls to say that it turns."""

        def beat() -> None:
            self._beats[loop] = self._monotonic()

        beat()
        return beat

    def add_check(self, check: Check, *, needed: bool = True) -> None:
        """One more condition of being ready; or, where this process can do without, one more that is only told."""
        (self._needed if needed else self._others).append(check)

    def silent_loops(self) -> list[str]:
        """Loops that have not beaten for too long; the process should be ended and started anew."""
        now = self._monotonic()
        return sorted(loop for loop, beat in self._beats.items() if now - beat > SILENT_AFTER_SECONDS)

    async def missing(self) -> list[str]:
        """What is missing before this process can do its work; empty when ready."""
        return await _failing(self._needed)

    async def degraded(self) -> list[str]:
        """What is missing that this process can do without; empty when all is well."""
        return await _failing(self._others)


async def _failing(checks: Iterable[Check]) -> list[str]:
    return [missing for check in checks if (missing := await check()) is not None]
