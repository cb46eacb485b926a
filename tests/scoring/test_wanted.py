"""Which wishes on `series.wanted.v1` become series, and which series a change then moves."""

from typing import Any

from services.scoring.domain.series import Series
from services.scoring.domain.slices import TOTAL, Slice
from services.scoring.wanted import WantedSeries
from shared.clock import utc_now
from shared.contracts.decoding import decode, encode_own
from shared.contracts.metrics import SeriesWanted
from shared.contracts.series import series_name
from shared.settings import KafkaSettings

PHONE = Series("acme", "csat", "channel", "phone", "5m")


def wish(sequence: int = 1, wanted: bool = True, **other: Any) -> Any:
    said: dict[str, Any] = {"metric": "csat", "slice": {"channel": "phone"}, "window": "5m", **other}
    data = SeriesWanted(series=series_name(said["metric"], said["slice"], said["window"]), wanted=wanted, **said)
    return decode(
        encode_own("series.wanted.v1", id=f"w-{sequence}", source="/alerts", tenant="acme", time=utc_now(), data=data, sequence=sequence)
    )


def wishes(*events: Any) -> WantedSeries:
    series = WantedSeries(KafkaSettings(bootstrap="unused:9092"))
    for event in events:
        series.take(event)
    return series


def test_a_wish_is_told_once_and_moves_with_its_slice() -> None:
    series = wishes(wish())

    assert (series.news(), series.news()) == ({PHONE}, set())
    assert set(series.of(Slice("acme", "csat", "channel", "phone"))) == {PHONE}
    assert not series.of(Slice("acme", "csat", TOTAL, ""))
    assert not series.of(Slice("other", "csat", "channel", "phone"))


def test_a_metric_of_two_measures_moves_with_both() -> None:
    series = wishes(wish(metric="complaint_rate", slice={}))

    for measure in ("complaints", "interactions"):
        assert [one.name for one in series.of(Slice("acme", measure, TOTAL, ""))] == ["complaint_rate[5m]"]


def test_what_is_not_newer_is_dropped_and_a_wish_can_be_taken_back() -> None:
    series = wishes(wish(1), wish(2, wanted=False), wish(1))

    assert series.news() == set()
    assert not series.of(Slice("acme", "csat", "channel", "phone"))


def test_what_cannot_be_computed_is_passed_over() -> None:
    series = wishes(
        wish(metric="response_time"), wish(window="28d"), wish(slice={"agent": "dana"}), wish(slice={"channel": "web", "product": "x"})
    )

    assert series.news() == set()
