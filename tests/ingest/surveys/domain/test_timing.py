"""Nothing is sent in a customer's night, and waves come once a period."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.surveys.domain.definition import QuietHours
from services.ingest.surveys.domain.timing import ask_at, beginning_of, days_ago, is_quiet, next_allowed, next_wave, period_of

ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]).map(ZoneInfo)
INSTANTS = st.integers(1_577_836_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
TIMES = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
QUIET = st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: QuietHours(since=pair[0], until=pair[1]))
NIGHT = QuietHours()
BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@given(INSTANTS, ZONES, QUIET)
def test_what_is_allowed_is_never_quiet_never_earlier_and_within_about_a_day(at: datetime, zone: ZoneInfo, quiet: QuietHours) -> None:
    allowed = next_allowed(at, zone, quiet)

    assert not is_quiet(allowed, zone, quiet)
    assert at <= allowed <= at + timedelta(hours=26)
    assert next_allowed(allowed, zone, quiet) == allowed


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-22T20:00:00+01:00", "2026-11-23T09:00:00+01:00"),
        ("2026-11-22T19:59:59+01:00", "2026-11-22T19:59:59+01:00"),
        ("2026-11-23T08:59:59+01:00", "2026-11-23T09:00:00+01:00"),
        ("2026-11-23T09:00:00+01:00", "2026-11-23T09:00:00+01:00"),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T09:00:00+02:00"),
    ],
)
def test_the_night_of_the_customers_zone(at: str, expected: str) -> None:
    assert next_allowed(utc(at), BERLIN, NIGHT) == utc(expected)


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        ("Europe/Berlin", "2026-10-24T23:00:00+02:00", "2026-10-25T09:00:00+01:00"),  # 11 hours of night
        ("America/New_York", "2026-03-07T20:30:00-05:00", "2026-03-08T09:00:00-04:00"),
        ("America/Sao_Paulo", "2018-11-03T23:30:00-03:00", "2018-11-04T09:00:00-02:00"),  # midnight did not exist
        ("Asia/Shanghai", "2026-03-28T20:00:00+08:00", "2026-03-29T09:00:00+08:00"),
    ],
)
def test_a_night_in_which_clocks_change_ends_at_nine_by_the_wall(zone: str, at: str, expected: str) -> None:
    assert next_allowed(utc(at), ZoneInfo(zone), NIGHT) == utc(expected)


def test_who_was_asked_on_the_first_is_outside_thirty_days_on_the_thirty_first_at_any_hour() -> None:
    since = days_ago(utc("2026-10-31T00:00:01+01:00"), 30, BERLIN)

    assert since == utc("2026-10-02T00:00:00+02:00")
    assert days_ago(utc("2026-10-31T23:59:59+01:00"), 30, BERLIN) == since
    assert days_ago(utc("2026-10-31T12:00:00+01:00"), 1, BERLIN) == utc("2026-10-31T00:00:00+01:00")


def test_an_experience_is_asked_about_a_day_later_outside_the_night_or_not_at_all() -> None:
    evening, noon = utc("2026-11-22T21:00:00+01:00"), utc("2026-11-22T12:00:00+01:00")

    assert ask_at(noon, 24, 48, noon, BERLIN, NIGHT) == noon + timedelta(hours=24)
    assert ask_at(evening, 24, 48, evening, BERLIN, NIGHT) == utc("2026-11-24T09:00:00+01:00")
    assert ask_at(noon, 24, 48, noon + timedelta(hours=40), BERLIN, NIGHT) == utc("2026-11-24T09:00:00+01:00")
    assert ask_at(noon, 24, 48, noon + timedelta(hours=48, seconds=1), BERLIN, NIGHT) is None


@given(INSTANTS, ZONES, st.sampled_from(["month", "quarter"]))
def test_a_wave_begins_the_next_period_and_there_is_one_a_period(at: datetime, zone: ZoneInfo, every: str) -> None:
    following = next_wave(at, every, zone)  # type: ignore[arg-type]

    assert at < following <= at + timedelta(days=32 if every == "month" else 93)
    assert period_of(following, every, zone) != period_of(at, every, zone)  # type: ignore[arg-type]
    assert period_of(following - timedelta(microseconds=1), every, zone) == period_of(at, every, zone)  # type: ignore[arg-type]
    assert next_wave(beginning_of(at, every, zone) - timedelta(microseconds=1), every, zone) == beginning_of(at, every, zone)  # type: ignore[arg-type]
