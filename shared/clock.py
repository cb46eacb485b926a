"""The only place that reads the wall clock. Domain code takes `now` as an argument; `main` and the runners pass this in."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)
