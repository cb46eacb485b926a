"""How long to wait before a part that ended is started again. Pure arithmetic."""

FIRST_SECONDS = 0.5
FACTOR = 2.0
MOST_SECONDS = 30.0
GOOD_RUN_SECONDS = 60.0


class BackOff:
    """Waits that double with every end in a row; a part that ran well for a while starts from the shortest again."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def pause_after(self, ran_seconds: float) -> float:
        """Seconds to wait after a run of this length."""
        if ran_seconds >= GOOD_RUN_SECONDS:
            self._next = FIRST_SECONDS
        pause = self._next
        self._next = min(pause * FACTOR, MOST_SECONDS)
        return pause
