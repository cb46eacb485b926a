"""What calendars and clocks refuse. Each refusal has a stable `kind`, says where (`loc`) and what to change, and knows no HTTP."""

from datetime import datetime
from typing import ClassVar

from shared.errors import HearbackError

Loc = tuple[str | int, ...]


class ClockRefused(HearbackError):
    """The root. `loc` is a path of names and indices inside the calendar, or inside the request for what is not about a calendar."""

    kind: ClassVar[str]

    def __init__(self, loc: Loc, text: str) -> None:
        super().__init__(text)
        self.loc = loc


class UnknownZone(ClockRefused):
    """The zone is not in the IANA time zone database."""

    kind = "unknown_zone"

    def __init__(self, zone: str) -> None:
        super().__init__(("zone",), f"{zone!r} is not an IANA time zone; one is Europe/Berlin")
        self.zone = zone


class InvalidTime(ClockRefused):
    """A wall time that no day has."""

    kind = "invalid_time"

    def __init__(self, loc: Loc, time: str) -> None:
        super().__init__(loc, f"{time!r} is not a time of day; write HH:MM, from 00:00 to 24:00")
        self.time = time


class EmptyWindow(ClockRefused):
    """A window that closes when it opens."""

    kind = "empty_window"

    def __init__(self, loc: Loc) -> None:
        super().__init__(loc, "the window closes when it opens; leave it out, or write 00:00 to 24:00 for the whole day")


class ReversedWindow(ClockRefused):
    """A window that closes before it opens."""

    kind = "reversed_window"

    def __init__(self, loc: Loc) -> None:
        super().__init__(loc, "the window closes before it opens; write one over midnight as two: to 24:00, and from 00:00 on the next day")


class OverlappingWindows(ClockRefused):
    """Two windows of one day that share time."""

    kind = "overlapping_windows"

    def __init__(self, loc: Loc) -> None:
        super().__init__(loc, "the window opens before another one of that day has closed; write the two as one")


class Unreachable(ClockRefused):
    """The calendar is not open long enough, ever, or before the last instant that the contracts know (the year 2200)."""

    kind = "unreachable"

    def __init__(self, since: datetime | None = None) -> None:
        if since is None:
            text = "the calendar has no open window; give it at least one"
        else:
            text = f"counted from {since.isoformat()}, the calendar is not open long enough before the year 2200 to reach the target"
        super().__init__((), text)
        self.since = since


class NotStarted(ClockRefused):
    """No fact starts the clock, up to the instant asked for."""

    kind = "not_started"

    def __init__(self, as_of: datetime) -> None:
        super().__init__(("facts",), f"no fact of kind started lies at or before {as_of.isoformat()}")
        self.as_of = as_of


class ExplanationTooLong(ClockRefused):
    """The time asked about falls into more stretches than an explanation may have."""

    kind = "explanation_too_long"

    def __init__(self, limit: int) -> None:
        super().__init__(("as_of",), f"the explanation would have more than {limit} stretches; ask for an earlier as_of")
        self.limit = limit
