"""Instants in every way that vendors write them, and clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.adapters import times

BERLIN, SHANGHAI, HAVANA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai"), ZoneInfo("America/Havana")


def utc(*parts: int) -> datetime:
    """An instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-03-19T09:34:45Z", BERLIN, utc(2026, 3, 19, 9, 34, 45)),
        ("2026-03-19T09:34:45.282+08:00", BERLIN, utc(2026, 3, 19, 1, 34, 45, 282000)),
        ("2025-01-08T14:25:30.123456789Z", BERLIN, utc(2025, 1, 8, 14, 25, 30, 123456)),
        ("2026-03-19 17:34:45", SHANGHAI, utc(2026, 3, 19, 9, 34, 45)),
        (" 2026-03-19 ", SHANGHAI, utc(2026, 3, 18, 16)),
        ("2026-07-01T12:00:00", BERLIN, utc(2026, 7, 1, 10)),
        ("2026-03-29T02:30:00", BERLIN, utc(2026, 3, 29, 1, 30)),
        ("2026-10-25T02:30:00", BERLIN, utc(2026, 10, 25, 0, 30)),
        ("2026-10-25T02:30:00+01:00", BERLIN, utc(2026, 10, 25, 1, 30)),
        ("2026-03-08T00:30:00", HAVANA, utc(2026, 3, 8, 5, 30)),
    ],
    ids=[
        "UTC",
        "offset",
        "nanoseconds",
        "zone-less in the zone",
        "a date is its first instant",
        "summer time",
        "an hour that is left out moves forward",
        "an hour that comes twice is the first",
        "an offset tells which of the two",
        "a midnight that is left out",
    ],
)
def test_iso_8601_means_the_instant_that_its_wall_clock_shows(text: str, zone: ZoneInfo, instant: datetime) -> None:
    assert times.iso(text, zone) == instant


@pytest.mark.parametrize(
    ("value", "per_second", "instant"),
    [
        (1773911712, 1, utc(2026, 3, 19, 9, 15, 12)),
        ("1773911712", 1, utc(2026, 3, 19, 9, 15, 12)),
        (" 1773911712 ", 1, utc(2026, 3, 19, 9, 15, 12)),
        (1773911712128, 1_000, utc(2026, 3, 19, 9, 15, 12, 128000)),
        ("1773911712311", 1_000, utc(2026, 3, 19, 9, 15, 12, 311000)),
        (1773911712128456, 1_000_000, utc(2026, 3, 19, 9, 15, 12, 128456)),
        ("1773912885.000200", 1, utc(2026, 3, 19, 9, 34, 45, 200)),
        (-1, 1, utc(1969, 12, 31, 23, 59, 59)),
    ],
    ids=str,
)
def test_seconds_milliseconds_and_microseconds_since_1970_come_as_numbers_and_as_texts(
    value: float | str, per_second: int, instant: datetime
) -> None:
    assert times.epoch(value, per_second) == instant


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Thu, 19 Mar 2026 09:34:44 +0000", utc(2026, 3, 19, 9, 34, 44)),
        ("Thu, 19 Mar 2026 09:34:44 +0800 (CST)", utc(2026, 3, 19, 1, 34, 44)),
        ("19 Mar 2026 09:34 GMT", utc(2026, 3, 19, 9, 34)),
        ("Thu, 19 Mar 2026 09:34:44 -0000", utc(2026, 3, 19, 9, 34, 44)),
        ("Thu, 19 Mar 2026 09:34:44", utc(2026, 3, 19, 1, 34, 44)),
    ],
)
def test_mails_dates_lie_in_the_zone_only_when_they_have_no_offset(text: str, instant: datetime) -> None:
    assert times.rfc2822(text, SHANGHAI) == instant


def test_weibos_dates_are_read_in_english_whatever_the_locale() -> None:
    assert times.unix_date("Tue May 31 17:46:55 +0800 2011") == utc(2011, 5, 31, 9, 46, 55)


@pytest.mark.parametrize(
    "text", ["", "soon", "19/03/2026", "2026-13-01", "0001-01-01T00:00:00", "9999-12-31T23:59:59-12:00", "1899-12-31T23:59:59Z"]
)
def test_what_is_no_instant_between_1900_and_2199_is_none(text: str) -> None:
    assert (times.iso(text, BERLIN), times.rfc2822(text, BERLIN), times.unix_date(text)) == (None, None, None)


@pytest.mark.parametrize("value", ["", "x", "1e999", "nan", float("inf"), float("nan"), 10**400, -(10**400), "9" * 5000, 253402300800])
def test_what_is_no_number_of_seconds_is_none(value: float | str) -> None:
    assert times.epoch(value) is None


@given(st.integers(946_684_800, 3_092_601_599), st.integers(1, 86_400))
def test_a_later_instant_has_a_higher_revision_that_the_contracts_take(epoch: int, later_by: int) -> None:
    first, second = (times.revision(datetime.fromtimestamp(seconds, UTC)) for seconds in (epoch, epoch + later_by))

    assert 1 <= first <= second <= 2**31 - 1
    assert first < second or second == 1


@pytest.mark.parametrize(
    ("begin", "end", "seconds"),
    [
        (utc(2026, 3, 19, 9), utc(2026, 3, 19, 9, 1, 0, 500000), 60.5),
        (utc(2026, 3, 19, 9), utc(2026, 3, 19, 8), 0),
        (utc(1900, 1, 1), utc(2026, 3, 19), 1e9),
        (None, utc(2026, 3, 19), None),
        (utc(2026, 3, 19), None, None),
    ],
)
def test_a_duration_is_never_negative_nor_longer_than_the_contracts_take(
    begin: datetime | None, end: datetime | None, seconds: float | None
) -> None:
    assert times.between(begin, end) == seconds
