"""When a group of alerts is told, and what of it: one pure machine, after Alertmanager's dispatcher and its notification log.

A group is told `group_wait` after its first alert, `group_interval` after it was told last when something changed, and every
`repeat_interval` while something fires that nobody has acknowledged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.alerts.domain.route import Timing

LARGEST = 500
"""Alerts told at once; what is new goes first, the rest follows in the next notification or is counted as left out."""


SHORTEST_LOOK = timedelta(seconds=5)
"""How soon a group is looked at again to see whether its last notification arrived."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert in a group. `fact`: a breach is told even when it ended before it could be."""

    id: str
    firing: bool
    acknowledged: bool = False
    fact: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """What is remembered of a group: when it was looked at and told last, and which alerts it was told with."""

    next_at: datetime | None = None
    flushed_at: datetime | None = None
    notified_at: datetime | None = None
    told_firing: frozenset[str] = frozenset()
    told_resolved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flush:
    """What comes of looking at a group: `told` are the alerts of the notification (none: there is none), new ones first."""

    group: Group
    told: tuple[str, ...] = ()
    left_out: int = 0
    forgotten: frozenset[str] = frozenset()
    """Alerts that are over and told, or never have to be."""


def touched(group: Group, timing: Timing, now: datetime) -> Group:
    """The group after one of its alerts changed at `now`."""
    wanted = now + timing.group_wait if group.flushed_at is None else max(now, group.flushed_at + timing.group_interval)
    return replace(group, next_at=wanted if group.next_at is None else min(wanted, group.next_at))


def flush(group: Group, timing: Timing, members: Sequence[Member], now: datetime, *, delivered: bool, send_resolved: bool) -> Flush:
    """Look at a group whose `next_at` has come. `delivered`: the receiver has taken the notification before this one.

    What an undelivered notification would have said is said again by this one, which takes its place.
    """
    settled = group.told_resolved if delivered else frozenset()
    firing = [m for m in members if m.firing]
    over = [m for m in members if not m.firing and m.id not in settled and (m.fact or m.id in group.told_firing)]
    resolved = [m for m in over if send_resolved or (m.fact and m.id not in group.told_firing)]
    fresh = [m for m in (*firing, *resolved) if m.id not in (group.told_firing if m.firing else group.told_resolved)]
    news = bool(fresh)
    if not news and not _repeats(group, timing, firing, now):
        forgotten = frozenset(m.id for m in members if not m.firing and m not in resolved)
        return Flush(_rested(group, timing, firing, resolved, now), forgotten=forgotten)
    order = (*fresh, *(m for m in (*resolved, *firing) if m not in fresh))
    told = order[:LARGEST]
    after = Group(
        flushed_at=now,
        notified_at=now,
        told_firing=frozenset(m.id for m in told if m.firing) | (group.told_firing & {m.id for m in members}),
        told_resolved=frozenset(m.id for m in told if not m.firing),
    )
    due = now + timing.repeat_interval
    if len(fresh) > LARGEST or not firing:
        due = now + max(timing.group_interval, SHORTEST_LOOK)
    forgotten = frozenset(m.id for m in members if not m.firing and m not in resolved)
    return Flush(replace(after, next_at=due), tuple(m.id for m in told), len(order) - len(told), forgotten)


def _repeats(group: Group, timing: Timing, firing: Sequence[Member], now: datetime) -> bool:
    unacknowledged = any(not m.acknowledged for m in firing)
    return unacknowledged and group.notified_at is not None and now >= group.notified_at + timing.repeat_interval


def _rested(group: Group, timing: Timing, firing: Sequence[Member], pending: Sequence[Member], now: datetime) -> Group:
    """Nothing to tell: look again when it is time to repeat; a group in which nothing is left starts anew."""
    if not firing and not pending:
        return Group()
    repeat_at = (group.notified_at or now) + timing.repeat_interval if firing else now
    return replace(group, flushed_at=now, next_at=max(repeat_at, now + max(timing.group_interval, SHORTEST_LOOK)))
