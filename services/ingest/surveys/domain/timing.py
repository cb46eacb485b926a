"""When a customer may be asked: outside quiet hours on their own wall clock, in the hours after what happened, in waves by period.

A wall-clock time that a clock change skips lies after the gap, one that it repeats is the first (contracts of the clocks).
"""

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.ingest.surveys.domain.definition import QuietHours


def is_quiet(at: datetime, zone: ZoneInfo, quiet: QuietHours) -> bool:
    """Whether `at` lies in the quiet hours, `since` included and `until` not."""
    wall = at.astimezone(zone).time()
    if quiet.since < quiet.until:
        return quiet.since <= wall < quiet.until
    return wall >= quiet.since or wall < quiet.until


def next_allowed(at: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """The first instant from `at` on that is not quiet, in UTC."""
    if not is_quiet(at, zone, quiet):
        return at.astimezone(UTC)
    local = at.astimezone(zone)
    for days in range(3):
        day = local.date() + timedelta(days=days)
        end = datetime.combine(day, quiet.until, zone).astimezone(UTC)
        if end > at and not is_quiet(end, zone, quiet):
            return end
    raise AssertionError("quiet hours end every day")


def ask_at(
    happened_at: datetime, earliest_hours: float, latest_hours: float, now: datetime, zone: ZoneInfo, quiet: QuietHours
) -> datetime | None:
    """When to ask after something happened; None when it is heard of too late. Quiet hours may move it past the latest hour."""
    if now > happened_at + timedelta(hours=latest_hours):
        return None
    return next_allowed(max(happened_at + timedelta(hours=earliest_hours), now), zone, quiet)


def days_ago(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Since when something lies within so many days, today included: what was on the 1st is outside 30 days on the 31st, at any hour."""
    day = now.astimezone(zone).date() - timedelta(days=days - 1)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def period_of(at: datetime, every: Literal["month", "quarter"], zone: ZoneInfo) -> str:
    """`2026-11` or `2026-Q4`, on the wall clock of `zone`."""
    local = at.astimezone(zone)
    return f"{local.year}-{local.month:02}" if every == "month" else f"{local.year}-Q{(local.month + 2) // 3}"


def beginning_of(at: datetime, every: Literal["month", "quarter"], zone: ZoneInfo) -> datetime:
    """The first instant of the month or quarter that `at` lies in."""
    local = at.astimezone(zone)
    month = local.month if every == "month" else local.month - (local.month - 1) % 3
    return datetime(local.year, month, 1, tzinfo=zone).astimezone(UTC)


def next_wave(after: datetime, every: Literal["month", "quarter"], zone: ZoneInfo) -> datetime:
    """The first instant of the next month or quarter, when the wave over the one that ends then is sent."""
    local = after.astimezone(zone)
    months = 1 if every == "month" else 3 - (local.month - 1) % 3
    index = local.year * 12 + local.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=zone).astimezone(UTC)
