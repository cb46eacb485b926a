"""Why a command on a case is refused: each refusal has a stable `kind` and carries what the caller needs to do better."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from shared.errors import HearbackError


class CommandRefused(HearbackError):
    """The root. `reason` holds the refusal's data, fit for JSON."""

    kind: ClassVar[str]

    def __init__(self, text: str, **reason: Any) -> None:
        super().__init__(text)
        self.reason = reason


class NotInThisState(CommandRefused):
    """The case is in a state in which this command means nothing."""

    kind = "not_in_this_state"

    def __init__(self, command: str, state: str, allowed_in: Sequence[str]) -> None:
        text = f"{command} is possible in {', '.join(allowed_in)}; the case is {state}"
        super().__init__(text, command=command, state=state, allowed_in=list(allowed_in))


class NotComplete(CommandRefused):
    """Something is missing before the case may close."""

    kind = "not_complete"

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"the case cannot close yet; missing: {', '.join(missing)}", missing=list(missing))


class AlreadyPaused(CommandRefused):
    """The case is paused already."""

    kind = "already_paused"

    def __init__(self, reason: str | None, until: datetime | None) -> None:
        text = "the case is paused already; resume it first"
        super().__init__(text, pause_reason=reason, paused_until=until and until.isoformat())


class NotPaused(CommandRefused):
    """The case is not paused."""

    kind = "not_paused"

    def __init__(self) -> None:
        super().__init__("the case is not paused")


class PauseWithoutFuture(CommandRefused):
    """The limit of a pause lies in the past."""

    kind = "pause_limit_passed"

    def __init__(self, until: datetime, now: datetime) -> None:
        text = "the limit of the pause must lie in the future"
        super().__init__(text, until=until.isoformat(), now=now.isoformat())


class NoSuchClock(CommandRefused):
    """The case has no clock of this kind that still runs."""

    kind = "no_such_clock"

    def __init__(self, kind: str, running: Sequence[str]) -> None:
        super().__init__(f"the case has no {kind} clock that still runs", clock=kind, running=list(running))
