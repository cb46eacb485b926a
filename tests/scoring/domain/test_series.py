"""Which series are published, and when a sample is due."""

from datetime import timedelta

import pytest

from services.scoring.domain.metrics import METRICS, Number
from services.scoring.domain.series import Due, Published, Series, digest, due, series_of
from services.scoring.domain.slices import TOTAL, Slice
from tests.scoring.events import NOON


def test_a_change_of_complaints_moves_the_complaint_rate_in_three_windows() -> None:
    names = [series.name for series in series_of(Slice("acme", "complaints", "channel", "phone"))]

    assert names == [f'complaint_rate{{channel="phone"}}[{window}]' for window in ("15m", "1h", "24h")]


def test_the_total_has_no_slice_in_its_name() -> None:
    assert Series("acme", "nps", TOTAL, "", "1h").name == "nps[1h]"


def test_a_series_reads_the_measures_of_its_metric_in_their_order() -> None:
    assert [line.measure for line in Series("acme", "complaint_rate", TOTAL, "", "1h").slices] == ["complaints", "interactions"]


@pytest.mark.parametrize(("digest_now", "age_seconds", "expected"), [
    ("other", 1.0, Due.CHANGED),
    ("other", 0.999, Due.LATER),
    ("same", 59.999, Due.NOT),
    ("same", 60.0, Due.HEARTBEAT),
    ("other", 60.0, Due.CHANGED),
])  # fmt: skip
def test_a_sample_is_due_on_change_at_most_once_a_second_and_as_a_heartbeat_after_a_minute(
    digest_now: str, age_seconds: float, expected: Due
) -> None:
    assert due(Published(7, "same", NOON), digest_now, NOON + timedelta(seconds=age_seconds)) is expected


def test_a_series_that_was_never_published_is_due_at_once() -> None:
    assert due(Published(0, None, None), "any", NOON) is Due.CHANGED


def test_the_digest_tells_apart_whatever_a_reader_would_notice() -> None:
    number = Number(50.0, 4, 1.0, 99.0, {"promoters": 3, "passives": 0, "detractors": 1})
    variants = [
        number,
        Number(51.0, 4, 1.0, 99.0, number.components),
        Number(50.0, 5, 1.0, 99.0, number.components),
        Number(50.0, 4, None, 99.0, number.components),
        Number(50.0, 4, 1.0, 98.0, number.components),
        Number(50.0, 4, 1.0, 99.0, {**number.components, "passives": 1}),
        METRICS["nps"].compute({}),
    ]

    assert len({digest(variant) for variant in variants}) == len(variants)
    assert digest(number) == digest(Number(50.0, 4, 1.0, 99.0, dict(reversed(number.components.items()))))
