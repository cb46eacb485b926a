"""Windows and the rows that cover them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.windows import (
    LEVELS,
    WINDOWS,
    IntervalRefused,
    Minutes,
    buckets_of,
    cover,
    interval_between,
    minute_of,
    window_at,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_ends_with_the_running_minute_and_has_its_length(window: str) -> None:
    as_of = datetime(2026, 3, 1, 9, 30, 59, 999_999, tzinfo=UTC)

    minutes = window_at(window, as_of)  # type: ignore[arg-type]

    length = {"5m": 5, "15m": 15, "1h": 60, "24h": 1440}[window]
    first = datetime(2026, 3, 1, 9, 31, tzinfo=UTC) - timedelta(minutes=length)
    assert minutes == ((first - EPOCH) // timedelta(minutes=1), (first - EPOCH) // timedelta(minutes=1) + length)


@given(st.integers(-10_000_000, 90_000_000), st.integers(0, 50_000))
def test_a_cover_holds_every_minute_once_and_none_beside(start: int, length: int) -> None:
    spans = cover(Minutes(start, start + length))

    pieces = [(first, first + span.level) for span in spans for first in range(span.start, span.end, span.level)]
    assert all(span.start % span.level == 0 and span.end % span.level == 0 for span in spans)
    assert [begin for begin, _ in pieces] == ([start] + [end for _, end in pieces[:-1]] if pieces else [])
    assert sum(end - begin for begin, end in pieces) == length


@given(st.integers(0, 90_000_000), st.integers(0, 50_000))
def test_a_cover_takes_the_coarsest_rows_it_can(start: int, length: int) -> None:
    spans = cover(Minutes(start, start + length))

    rows = {level: sum((span.end - span.start) // level for span in spans if span.level == level) for level in LEVELS}
    assert len(spans) <= 5
    assert rows[1] <= 28
    assert rows[15] <= 190


@given(st.integers(0, 90_000_000), st.integers(0, 90_000_000), st.integers(1, 5_000))
def test_what_happened_is_counted_once_by_the_cover_of_an_interval_that_holds_it(minute: int, start: int, length: int) -> None:
    spans = cover(Minutes(start, start + length))

    hits = sum(level == span.level and span.start <= begin < span.end for level, begin in buckets_of(minute) for span in spans)
    assert hits == (1 if start <= minute < start + length else 0)


def test_day_rows_are_days_of_utc() -> None:
    day = (datetime(2026, 3, 1, tzinfo=UTC) - EPOCH) // timedelta(minutes=1)

    assert buckets_of(minute_of(datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)))[0] == (1440, day)
    assert buckets_of(minute_of(datetime(2026, 3, 2, tzinfo=UTC)))[0] == (1440, day + 1440)


def test_an_interval_is_half_open_and_taken_across_zones() -> None:
    east = datetime.fromisoformat("2026-03-01T10:00:00+05:30")
    end = datetime.fromisoformat("2026-03-01T05:00:00Z")

    minutes = interval_between(east, end)

    assert minutes.end - minutes.start == 30


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("2026-03-01T09:00:00.5Z", "2026-03-01T10:00:00Z", "from"),
        ("2026-03-01T09:00:00Z", "2026-03-01T10:00:01Z", "to"),
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z", "to"),
        ("2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00Z", "to"),
    ],
)
def test_an_interval_that_is_empty_or_not_on_whole_minutes_is_refused(start: str, end: str, field: str) -> None:
    with pytest.raises(IntervalRefused) as refused:
        interval_between(datetime.fromisoformat(start), datetime.fromisoformat(end))

    assert refused.value.field == field
