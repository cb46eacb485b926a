"""What is said on the command line goes over what was guessed, and wrong words are told with right ones."""

from typing import Any

import pytest

from services.cli.import_mapping import changed
from shared.errors import ConfigurationError

GUESSED = {
    "type": "feedback.comment_posted.v1",
    "fields": {"time": {"column": "Date", "format": "iso"}, "rating": {"column": "Stars"}, "channel": {"constant": "review"}},
}
NOTHING: dict[str, Any] = {"type": None, "maps": [], "constants": [], "answers": [], "date_format": None, "zone": None, "decimal": None}


def said(**options: Any) -> dict[str, Any]:
    mapping = changed(GUESSED, **{**NOTHING, **options})
    assert mapping is not None
    return mapping


def test_what_is_not_said_stays_as_it_was_guessed() -> None:
    assert changed(GUESSED, **NOTHING) is None
    assert said(zone="Asia/Shanghai") == {**GUESSED, "answers": {}, "zone": "Asia/Shanghai"}


def test_columns_constants_and_answers_are_put_over_it() -> None:
    mapping = said(
        maps=["text=Comment", "text=Title", "time=Date", "rating="],
        constants=["revision=2", "tags.shop=Berlin"],
        date_format="%d.%m.%Y",
    )

    assert mapping["fields"] == {
        "time": {"column": "Date", "format": "%d.%m.%Y"},
        "channel": {"constant": "review"},
        "text": {"column": ["Comment", "Title"]},
        "revision": {"constant": 2},
        "tags.shop": {"constant": "Berlin"},
    }


def test_another_type_keeps_only_what_it_has() -> None:
    mapping = said(type="feedback.survey_answered", answers=["effort=How easy:ces:1-7:ease", "recommend=NPS:nps"])

    assert set(mapping["fields"]) == {"time", "channel"}
    assert mapping["answers"] == {
        "effort": {"column": "How easy", "instrument": "ces", "scale_min": 1, "scale_max": 7, "polarity": "ease"},
        "recommend": {"column": "NPS", "instrument": "nps"},
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"type": "case.opened"}, "--type must be one of feedback.survey_sent"),
        ({"maps": ["text"]}, "--map text: write FIELD=COLUMN"),
        ({"constants": ["revision=two"]}, "should be a number"),
        ({"answers": ["effort"]}, "write QUESTION=COLUMN:INSTRUMENT"),
    ],
)
def test_what_cannot_be_meant_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        said(**options)
