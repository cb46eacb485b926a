"""Opening hours on the wall, as people write them: `HH:MM` to `HH:MM`, by weekday."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple, get_args

from services.closed_loop.domain.refusals import EmptyWindow, InvalidTime, Loc, OverlappingWindows, ReversedWindow

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)


class Window(NamedTuple):
    """Opening hours in minutes after local midnight, [opens, closes); 1440 is the end of the day."""

    opens: int
    closes: int


WHOLE_DAY: Final = Window(0, 1440)


def read_windows(pairs: Sequence[tuple[str, str]], loc: Loc) -> tuple[Window, ...]:
    """The windows of a day from pairs of HH:MM; 24:00 is the end of the day. Raises InvalidTime, with `loc` leading to it."""
    windows = (Window(_minute(opens, (*loc, i, 0)), _minute(closes, (*loc, i, 1))) for i, (opens, closes) in enumerate(pairs))
    return tuple(windows)


def check_windows(windows: Sequence[Window], loc: Loc) -> None:
    """Raise EmptyWindow, ReversedWindow or OverlappingWindows for the windows of a day; they may stand in any order, and touch."""
    for i, window in enumerate(windows):
        if window.opens == window.closes:
            raise EmptyWindow((*loc, i))
        if window.opens > window.closes:
            raise ReversedWindow((*loc, i))
    in_order = sorted(range(len(windows)), key=lambda i: windows[i])
    for earlier, later in pairwise(in_order):
        if windows[later].opens < windows[earlier].closes:
            raise OverlappingWindows((*loc, later))


def _minute(text: str, loc: Loc) -> int:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00", text):
        raise InvalidTime(loc, text)
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
