"""What is asked of a clock, and what happened to it. Facts are a set: `in_order` puts them into the one order that counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

FactKind = Literal["started", "resumed", "retargeted", "paused", "stopped", "reopened", "cancelled"]
KINDS: Final[tuple[FactKind, ...]] = get_args(FactKind)
"""In the order in which facts of one instant take effect."""


@dataclass(frozen=True, slots=True)
class OpenTime:
    """Due when so much open time, without pauses, has passed: the one target that pauses move."""

    duration: timedelta


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """Due at the last close of the nth business day after the start's local date."""

    days: int


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """Due at the end of the nth local date after the start's."""

    days: int


@dataclass(frozen=True, slots=True)
class AgreedDate:
    """Due at an instant that was promised, or that a regulator set."""

    due_at: datetime


Target = OpenTime | BusinessDays | CalendarDays | AgreedDate


@dataclass(frozen=True, slots=True)
class ClockSpec:
    """What a policy asks of a clock. No target means no deadline. Percents are of the target; above 100 they remind after the due."""

    target: Target | None
    warn_at_percent: tuple[int, ...] = ()
    retarget: Literal["retroactive", "from_change"] = "retroactive"
    reopen: Literal["continue", "new_cycle"] = "continue"


NEW_CYCLE: Final = "new_cycle"


class Fact(NamedTuple):
    """Something that happened to a clock at an aware instant. `target` belongs to `retargeted`, where None takes the deadline away.

    A `reopened` whose reason is NEW_CYCLE begins anew whatever the spec says.
    """

    at: datetime
    kind: FactKind
    target: Target | None = None
    reason: str | None = None


def in_order(facts: Iterable[Fact], as_of: datetime) -> list[Fact]:
    """The facts up to `as_of`, by instant, then as KINDS lists them, then as they were given."""
    return sorted((fact for fact in facts if fact.at <= as_of), key=lambda fact: (fact.at, KINDS.index(fact.kind)))
