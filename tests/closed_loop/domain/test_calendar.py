"""Open time: the laws that add and between keep, and the edges of clock changes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.closed_loop.domain.calendar import ALWAYS_OPEN, Calendar
from services.closed_loop.domain.hours import WEEKDAYS, Window
from services.closed_loop.domain.refusals import (
    ClockRefused,
    EmptyWindow,
    InvalidTime,
    OverlappingWindows,
    ReversedWindow,
    UnknownZone,
    Unreachable,
)
from tests.closed_loop.calendars import CHANGES, WEEKDAYS_9_TO_5, berlin, calendars, minutes_around
from tests.closed_loop.reference import open_minutes, windows_of

MICROSECOND = timedelta(microseconds=1)
durations = st.integers(0, 30 * 3600 * 1_000_000).map(lambda n: timedelta(microseconds=n))


@given(calendars(), st.data())
def test_add_and_between_are_inverse(made: tuple[Calendar, date], data: st.DataObject) -> None:
    calendar, around = made
    start = data.draw(minutes_around(around)) + data.draw(durations)
    duration = data.draw(durations)

    end = calendar.add(start, duration)

    assert calendar.between(start, end) == duration
    if end > start:
        assert calendar.between(start, end - MICROSECOND) == duration - MICROSECOND


@given(calendars(), st.data())
def test_open_time_adds_up(made: tuple[Calendar, date], data: st.DataObject) -> None:
    calendar, around = made
    first, second, third = sorted(data.draw(minutes_around(around)) for _ in range(3))

    parts = calendar.between(first, second) + calendar.between(second, third)

    assert calendar.between(first, third) == parts
    assert calendar.between(third, first) == timedelta(0)


@settings(deadline=None)
@given(calendars(), st.data())
def test_open_time_is_what_a_walk_over_every_minute_counts(made: tuple[Calendar, date], data: st.DataObject) -> None:
    calendar, around = made
    start, end = sorted(data.draw(minutes_around(around)) for _ in range(2))

    counted = calendar.between(start, end)

    assert counted == sum(start <= minute < end for minute in open_minutes(calendar, around, 8)) * timedelta(minutes=1)


@settings(deadline=None)
@given(calendars(), st.integers(-4, 4))
def test_the_windows_of_a_day_are_apart_in_order_and_those_of_the_walk(made: tuple[Calendar, date], offset: int) -> None:
    calendar, around = made
    day = around + timedelta(days=offset)

    windows = calendar.open_windows(day)

    instants = [instant for window in windows for instant in window]
    assert instants == sorted(set(instants))
    minutes = {
        opens + n * timedelta(minutes=1)
        for opens, closes in windows_of(calendar, day)
        for n in range((closes - opens) // timedelta(minutes=1))
    }
    assert sum((closes - opens for opens, closes in windows), timedelta(0)) == len(minutes) * timedelta(minutes=1)


@pytest.mark.parametrize(("zone", "around"), CHANGES)
def test_a_calendar_of_whole_days_counts_every_instant(zone: str, around: date) -> None:
    calendar = Calendar(zone, ((Window(0, 720), Window(720, 1440)),) * 7)
    start = datetime(around.year, around.month, around.day, tzinfo=UTC) - timedelta(days=3)

    due = calendar.add(start, timedelta(days=6))

    assert not calendar.always_open
    assert due == ALWAYS_OPEN.add(start, timedelta(days=6)) == start + timedelta(days=6)


def test_a_window_inside_the_missing_hour_moves_and_one_that_ends_with_it_is_gone() -> None:
    missing = date(2026, 3, 29)

    moved = berlin({"sun": [("02:15", "02:45")]}).open_windows(missing)
    emptied = berlin({"sun": [("02:00", "03:00")]}).open_windows(missing)

    assert moved == ((datetime(2026, 3, 29, 1, 15, tzinfo=UTC), datetime(2026, 3, 29, 1, 45, tzinfo=UTC)),)
    assert emptied == ()


def test_a_date_that_the_zone_skips_is_no_business_day_and_opens_nothing() -> None:
    apia = Calendar.from_texts("Pacific/Apia", WEEKDAYS_9_TO_5)
    thursday_noon = datetime(2011, 12, 29, 22, tzinfo=UTC)

    assert apia.open_windows(date(2011, 12, 30)) == ()
    assert apia.local_date(apia.business_days_after(thursday_noon, 1)) == date(2012, 1, 2)
    assert apia.local_date(apia.add(thursday_noon, timedelta(hours=6))) == date(2012, 1, 2)


def test_a_day_that_a_clock_change_empties_is_no_business_day() -> None:
    calendar = berlin({"sun": [("02:00", "03:00")], "tue": [("09:00", "17:00")]})

    due = calendar.business_days_after(datetime(2026, 3, 27, 12, tzinfo=UTC), 1)

    assert due == datetime(2026, 3, 31, 15, tzinfo=UTC)


def test_windows_may_be_given_in_any_order_and_change_it_over_a_gap() -> None:
    calendar = berlin({"sun": [("13:00", "14:00"), ("03:00", "03:10"), ("02:15", "02:45")]})

    starts = [window.start for window in calendar.open_windows(date(2026, 3, 29))]

    assert starts == [datetime(2026, 3, 29, hour, minute, tzinfo=UTC) for hour, minute in ((1, 0), (1, 15), (11, 0))]


def test_a_business_day_ends_at_its_last_close() -> None:
    calendar = berlin({"mon": [("13:30", "18:00"), ("08:00", "12:00")]})

    due = calendar.business_days_after(datetime(2026, 1, 9, 12, tzinfo=UTC), 1)

    assert due == datetime(2026, 1, 12, 17, tzinfo=UTC)


def test_a_special_day_beats_a_holiday_and_may_be_closed() -> None:
    day, closed = date(2026, 12, 24), date(2026, 12, 23)
    calendar = berlin(holidays=[day], special_days={day: [("09:00", "12:00")], closed: []})

    assert [window.end.hour for window in calendar.open_windows(day)] == [11]
    assert calendar.open_windows(closed) == ()
    assert not calendar.is_holiday(day)


def test_ten_years_of_working_time_are_counted_exactly() -> None:
    calendar = berlin()
    start = datetime(2026, 1, 5, 8, tzinfo=UTC)
    weekdays = sum((date(2026, 1, 5) + timedelta(days=n)).weekday() < 5 for n in range(3652))

    end = calendar.add(start, weekdays * timedelta(hours=8))

    assert end == datetime(2036, 1, 4, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "error", "loc"),
    [
        ({"mon": [("09:00", "09:00")]}, EmptyWindow, ("windows", "mon", 0)),
        ({"tue": [("08:00", "09:00"), ("22:00", "06:00")]}, ReversedWindow, ("windows", "tue", 1)),
        ({"mon": [("11:00", "17:00"), ("09:00", "12:00")]}, OverlappingWindows, ("windows", "mon", 0)),
        ({"mon": [("09:00", "25:00")]}, InvalidTime, ("windows", "mon", 0, 1)),
        ({"mon": [("9:00", "17:00")]}, InvalidTime, ("windows", "mon", 0, 0)),
        ({"mon": [("09:00", "24:01")]}, InvalidTime, ("windows", "mon", 0, 1)),
        ({"mon": [("٠٩:00", "17:00")]}, InvalidTime, ("windows", "mon", 0, 0)),
        ({}, Unreachable, ()),
        ({"mon": []}, Unreachable, ()),
    ],
)
def test_windows_that_cannot_be_right_are_refused_where_they_stand(
    windows: dict[str, list[tuple[str, str]]], error: type[ClockRefused], loc: tuple[str | int, ...]
) -> None:
    with pytest.raises(error) as refused:
        Calendar.from_texts("Europe/Berlin", windows)  # type: ignore[arg-type]

    assert refused.value.loc == loc


def test_a_special_day_is_checked_as_a_weekday_is() -> None:
    with pytest.raises(ReversedWindow) as refused:
        berlin(special_days={date(2026, 12, 24): [("12:00", "09:00")]})

    assert refused.value.loc == ("special_days", "2026-12-24", 0)


@pytest.mark.parametrize(
    "zone", ["Europe/Atlantis", "Europe", "localtime", "posixrules", "right/UTC", "../UTC", "/etc/localtime", "", "A\0B", "A" * 300]
)
def test_only_zones_of_the_iana_database_are_taken(zone: str) -> None:
    with pytest.raises(UnknownZone):
        Calendar(zone, ((Window(0, 1440),),) * 7)


def test_time_that_never_comes_is_refused_and_not_looked_for_without_end() -> None:
    once = Calendar.from_texts("UTC", {}, special_days={date(2026, 1, 5): [("09:00", "10:00")]})
    start = datetime(2026, 1, 5, tzinfo=UTC)

    assert once.add(start, timedelta(hours=1)) == start + timedelta(hours=10)
    searches: list[Callable[[], datetime]] = [
        lambda: once.add(start, timedelta(hours=1, microseconds=1)),
        lambda: once.business_days_after(start, 1),
        lambda: once.calendar_days_after(start, 10**6),
        lambda: ALWAYS_OPEN.add(start, timedelta(days=999_999_999)),
    ]
    for search in searches:
        with pytest.raises(Unreachable):
            search()


def test_weekdays_are_read_by_name_monday_first() -> None:
    calendar = berlin({"sun": [("10:00", "12:00")]})

    assert WEEKDAYS[0] == "mon"
    assert [len(windows) for windows in calendar.week] == [0, 0, 0, 0, 0, 0, 1]
