"""Health: `live` while the loops turn, by their own beats; `ready` once started and able to answer."""

import time
from collections.abc import Awaitable, Callable

SILENT_AFTER_SECONDS = 90.0  # longer than a rebalance may last, during which aiokafka hands nothing out

Check = Callable[[], Awaitable[str | None]]
"""Says what is missing, in a few words, or None."""


class Health:
    """Beats of the loops and checks of readiness of one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beats: dict[str, float] = {}
        self._checks: list[Check] = []

    def beater(self, loop: str) -> Callable[[], None]:
        """What a loop calls to say that it turns."""

        def beat() -> None:
            self._beats[loop] = self._monotonic()

        beat()
        return beat

    def add_check(self, check: Check) -> None:
        """One more condition of being ready."""
        self._checks.append(check)

    def silent_loops(self) -> list[str]:
        """Loops that have not beaten for too long; the process should be ended and started anew."""
        now = self._monotonic()
        return sorted(loop for loop, beat in self._beats.items() if now - beat > SILENT_AFTER_SECONDS)

    async def missing(self) -> list[str]:
        """What is missing before requests can be answered; empty when ready."""
        return [missing for check in self._checks if (missing := await check()) is not None]
