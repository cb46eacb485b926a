"""From cells to events: what a mapping says, and what is told of cells that do not fit."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.imports import values
from services.ingest.imports.cells import Cell
from services.ingest.imports.mapping import Mapping, Refused, RowMapper, problems_of

UTC_ZONE = ZoneInfo("UTC")
COMPLAINT = "feedback.complaint_raised.v1"


def event(mapping: dict[str, Any], columns: Sequence[str], cells: Sequence[Cell], zone: str = "UTC") -> dict[str, Any]:
    return RowMapper(Mapping.model_validate(mapping), columns, ZoneInfo(zone)).event(cells)


def test_each_field_takes_what_the_contract_of_its_type_wants() -> None:
    fields = {
        "id": {"column": "Nr"},
        "time": {"column": "Am", "format": "%d.%m.%Y %H:%M"},
        "channel": {"column": "Weg", "words": {"Telefon": "phone"}, "otherwise": "other"},
        "customer.id": {"column": "Nr"},
        "customer.lifetime_value": {"column": "Umsatz"},
        "customer.phone_verified": {"column": "Geprüft"},
        "customer.attributes.plan": {"column": "Tarif"},
        "tags.shop": {"constant": "Berlin"},
        "severity": {"column": "Schwere"},
        "received_at": {"column": "Brief", "format": "%d.%m.%Y"},
        "text": {"column": ["Text", "Grund"]},
        "revision": {"column": "Fassung"},
    }
    cells = ["17", "31.12.2025 23:30", "TELEFON", "1.234,50", "ja", 3, "HIGH", "01.12.2025", " ", "zu spät", 2.0]
    columns = ["Nr", "Am", "Weg", "Umsatz", "Geprüft", "Tarif", "Schwere", "Brief", "Text", "Grund", "Fassung"]

    made = event({"type": COMPLAINT, "fields": fields, "zone": "Europe/Berlin", "decimal": ","}, columns, cells)

    assert made == {
        "type": COMPLAINT,
        "id": "17",
        "time": "2025-12-31T22:30:00+00:00",
        "data": {
            "channel": "phone",
            "customer": {"id": "17", "lifetime_value": 1234.5, "phone_verified": True, "attributes": {"plan": 3}},
            "tags": {"shop": "Berlin"},
            "severity": "high",
            "received_at": "2025-12-01",
            "text": "zu spät",
            "revision": 2,
        },
    }


def test_questions_of_a_survey_are_answers_and_blank_ones_are_none() -> None:
    mapping = {
        "type": "feedback.survey_answered.v1",
        "fields": {"time": {"column": "t"}, "survey": {"constant": "s"}, "channel": {"constant": "web"}},
        "answers": {
            "recommend": {"column": "nps", "instrument": "nps"},
            "satisfied": {"column": "sat", "instrument": "csat", "scale_min": 1, "scale_max": 5, "words": {"very satisfied": 5}},
            "effort": {"column": "ces", "instrument": "ces", "scale_min": 1, "scale_max": 7, "polarity": "ease"},
            "solved": {"column": "fcr", "instrument": "yes_no"},
            "why": {"column": "why", "instrument": "choice"},
        },
    }

    made = event(mapping, ["t", "nps", "sat", "ces", "fcr", "why"], ["2025-01-02T00:00:00Z", "9", "Very satisfied", "", "是", "price"])

    assert made["data"]["answers"] == [
        {"question": "recommend", "instrument": "nps", "score": 9},
        {"question": "satisfied", "instrument": "csat", "scale_min": 1, "scale_max": 5, "score": 5},
        {"question": "solved", "instrument": "yes_no", "score": 1},
        {"question": "why", "instrument": "choice", "choice": "price"},
    ]


def test_every_cell_that_does_not_fit_is_told_with_its_column_and_never_with_its_content() -> None:
    fields = {"time": {"column": "Date"}, "wait_seconds": {"column": "Wait"}, "transfers": {"column": "Transfers"},
              "abandoned": {"column": "Left"}, "channel": {"column": "Way", "words": {"a": "phone"}}}  # fmt: skip
    columns = ["Date", "Wait", "Transfers", "Left", "Way"]

    with pytest.raises(Refused) as refused:
        event({"type": "interaction.completed.v1", "fields": fields}, columns, ["01/02/03secret", "1,5secret", "1.5", "secret", "secret"])

    assert {error.loc: error.msg for error in refused.value.errors} == {
        ("Date",): "should be a time written as 2026-12-31 17:30 or 2026-12-31T17:30:00Z (field time)",
        ("Wait",): "should be a number written with a point before its decimals (field wait_seconds)",
        ("Transfers",): "should be a whole number (field transfers)",
        ("Left",): "should be yes or no, true or false, 1 or 0 (field abandoned)",
        ("Way",): "holds a word that the mapping's `words` do not have (field channel)",
    }


def test_what_is_wrong_with_a_mapping_is_told_before_it_runs() -> None:
    mapping = Mapping.model_validate(
        {"type": COMPLAINT, "fields": {"txt": {"column": "Text"}, "text": {}, "channel": {"column": "Nowhere"}}}
    )

    assert problems_of(mapping, ["Text"]) == [
        "there is no column 'Nowhere'; there are 'Text'",
        "feedback.complaint_raised.v1 has no field txt",
        "field text: give either a column or a constant",
        'field time: say which column holds the time, for example {"column": "Date", "format": "%d.%m.%Y"}',
    ]
    assert "is no type of event" in problems_of(Mapping(type="case.opened.v1"), [])[0]


@pytest.mark.parametrize(
    ("cell", "decimal", "found"),
    [
        ("4,5", ",", 4.5), ("1.234,5", ",", 1234.5), ("1 234 567", ",", 1234567), ("-3", ",", -3), ("1,234.5", ".", 1234.5),
        ("1’234.5", ".", 1234.5), (".5", ".", 0.5), ("2e3", ".", 2000), ("12345678901234567890", ".", 12345678901234567890), (3.0, ",", 3),
        ("'-5", ".", -5), ("９", ".", 9),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(cell: Cell, decimal: values.Decimal, found: float) -> None:
    assert values.number(cell, decimal) == found


@pytest.mark.parametrize(("cell", "decimal"), [("4,5", "."), ("1,23,4", "."), ("4.5.6", ","), ("nan", "."), ("1e999", "."), (True, ".")])
def test_what_is_no_number_is_refused(cell: Cell, decimal: values.Decimal) -> None:
    with pytest.raises(ValueError, match="should be a"):
        values.number(cell, decimal)


@pytest.mark.parametrize(
    ("cell", "form", "found"),
    [
        ("2025-06-01 12:00", "iso", "2025-06-01T10:00:00+00:00"),
        ("2025-06-01T12:00:00Z", "iso", "2025-06-01T12:00:00+00:00"),
        ("06/01/2025 12:00:00 PM", "%m/%d/%Y %I:%M:%S %p", "2025-06-01T10:00:00+00:00"),
        ("2025年6月1日", "%Y年%m月%d日", "2025-05-31T22:00:00+00:00"),
        ("1748772000", "epoch", "2025-06-01T10:00:00+00:00"),
        (1748772000000, "epoch_ms", "2025-06-01T10:00:00+00:00"),
        (45809.5, "excel", "2025-06-01T10:00:00+00:00"),
        ("45809,5", "excel", "2025-06-01T10:00:00+00:00"),
        (datetime(2025, 6, 1, 12), "iso", "2025-06-01T10:00:00+00:00"),  # noqa: DTZ001 - a sheet has no zones
        ("2025-03-30 02:30", "iso", "2025-03-30T01:30:00+00:00"),  # left out by the clock: moved forward
        ("2025-10-26 02:30", "iso", "2025-10-26T00:30:00+00:00"),  # comes twice: the first
    ],
)
def test_instants_lie_in_the_zone_that_is_said(cell: Cell, form: str, found: str) -> None:
    assert values.instant(cell, form, ZoneInfo("Europe/Berlin")).isoformat() == found


def test_what_a_spreadsheet_keeps_of_a_time_is_recognised_and_nothing_else_for_it() -> None:
    assert values.forms_of(["45717.5", "45718"]) == values.forms_of(["45717,5"]) == ["excel"]
    assert values.day("45717", "excel") == date(2025, 3, 1)
    assert values.forms_of(["2025", "12"]) == values.forms_of(["nan", "inf"]) == []


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 - Hypothesis wants them so
    st.sampled_from([f for f in values.FORMATS if f.startswith("%") and "%S" in f]),
)
def test_a_form_reads_what_it_writes_and_is_among_those_recognised(at: datetime, form: str) -> None:
    at = at.replace(microsecond=0)
    written = at.strftime(form)

    assert values.instant(written, form, UTC_ZONE) == at.replace(tzinfo=UTC)
    assert form in values.forms_of([written])
