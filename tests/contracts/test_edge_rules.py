"""What the edge takes and refuses, and that a refusal says where and what to do."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.decoding import Submitted, admit, decode, encode
from shared.contracts.examples import EXAMPLES
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.errors import InvalidEvent

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SURVEY = "feedback.survey_answered.v1"
COMPLAINT = "feedback.complaint_raised.v1"
GONE = object()


def event_of(name: str, **data: Any) -> dict[str, Any]:
    event = copy.deepcopy(EXAMPLES[name])
    event["data"] |= data
    event["data"] = {key: value for key, value in event["data"].items() if value is not GONE}
    return event


def answered(**answer: Any) -> dict[str, Any]:
    return event_of(SURVEY, answers=[{"question": "q", **answer}])


def taken(event: dict[str, Any]) -> Submitted:
    return admit(json.dumps(event).encode(), NOW)


def refused(event: dict[str, Any] | bytes) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        admit(event if isinstance(event, bytes) else json.dumps(event).encode(), NOW)
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        {"instrument": "nps", "score": 0},
        {"instrument": "nps", "score": 10.0, "scale_min": 0, "scale_max": 10},
        {"instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5},
        {"instrument": "csat", "score": -1, "scale_min": -1, "scale_max": 1},
        {"instrument": "ces", "score": 2.5, "scale_min": 1, "scale_max": 5, "polarity": "ease"},
        {"instrument": "likert", "score": 1, "scale_min": 1, "scale_max": 9, "importance": 3, "expectation": 4},
        {"instrument": "yes_no", "score": 1},
        {"instrument": "choice", "choice": "b"},
        {"instrument": "text", "text": ""},
    ],
)
def test_an_answer_that_fits_its_instrument_is_taken(answer: dict[str, Any]) -> None:
    assert taken(answered(**answer)).type == SURVEY


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"instrument": "nps", "score": 11}, "score"),
        ({"instrument": "nps", "score": -1}, "score"),
        ({"instrument": "nps", "score": 9.5}, "score"),
        ({"instrument": "nps"}, "score"),
        ({"instrument": "nps", "score": 4, "scale_min": 1, "scale_max": 5}, "scale_max"),
        ({"instrument": "csat", "score": 4}, "scale_min"),
        ({"instrument": "csat", "score": 4, "scale_min": 1}, "scale_max"),
        ({"instrument": "csat", "score": 6, "scale_min": 1, "scale_max": 5}, "score"),
        ({"instrument": "csat", "score": 0.999, "scale_min": 1, "scale_max": 5}, "score"),
        ({"instrument": "csat", "score": 5, "scale_min": 5, "scale_max": 5}, "scale_max"),
        ({"instrument": "csat", "scale_min": 1, "scale_max": 5}, "score"),
        ({"instrument": "ces", "score": 2, "scale_min": 1, "scale_max": 7}, "polarity"),
        ({"instrument": "ces", "score": 8, "scale_min": 1, "scale_max": 7, "polarity": "effort"}, "score"),
        ({"instrument": "likert", "score": 2}, "scale_min"),
        ({"instrument": "yes_no", "score": 2}, "score"),
        ({"instrument": "yes_no"}, "score"),
        ({"instrument": "choice", "text": "b"}, "choice"),
        ({"instrument": "text", "choice": "b"}, "text"),
        ({"instrument": "thumbs", "score": 1}, "instrument"),
    ],
)
def test_an_answer_that_does_not_fit_its_instrument_is_refused_at_the_field_to_correct(answer: dict[str, Any], field: str) -> None:
    refusal = refused(answered(**answer))

    assert refusal.reason == "invalid_data"
    assert [error.loc for error in refusal.errors] == [("data", "answers", 0, field)]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (event_of("feedback.comment_posted.v1", scale_max=GONE), ("scale_max",)),
        (event_of("feedback.comment_posted.v1", rating=6), ("rating",)),
        (event_of("feedback.observed.v1", scores=[{"dimension": "d", "score": 3, "scale_min": 1, "scale_max": 2}]), ("scores", 0, "score")),
        (event_of("message.delivery_failed.v1", invitation=GONE), ("case",)),
        (event_of(COMPLAINT, text=""), ("text",)),
        (event_of(COMPLAINT, text="x" * 50_001), ("text",)),
        (event_of(COMPLAINT, revision=0), ("revision",)),
        (event_of(COMPLAINT, revision=2**31), ("revision",)),
        (event_of(COMPLAINT, received_at="2026-02-30"), ("received_at",)),
        (event_of(COMPLAINT, received_at="2026-02-27T10:00:00"), ("received_at",)),
        (event_of(COMPLAINT, received_at=17), ("received_at",)),
        (event_of(COMPLAINT, received_at="9999-12-31"), ("received_at",)),
        (event_of(COMPLAINT, channel="fax"), ("channel",)),
        (event_of(COMPLAINT, channel=GONE), ("channel",)),
        (event_of(COMPLAINT, tags={str(number): "x" for number in range(65)}), ("tags",)),
        (event_of(COMPLAINT, tags={"a": 1}), ("tags", "a")),
        (event_of(COMPLAINT, customer={"attributes": {"a": [1]}}), ("customer", "attributes", "a")),
        (event_of(COMPLAINT, customer={"id": ""}), ("customer", "id")),
        (event_of(COMPLAINT, customer={"consents": {"survey": "yesterday"}}), ("customer", "consents", "survey")),
        (event_of(COMPLAINT, sevrity="high"), ("sevrity",)),
        (event_of(COMPLAINT, customer={"id": "c", "nmae": "x"}), ("customer", "nmae")),
    ],
)
def test_a_wrong_field_of_the_data_is_refused_by_name(event: dict[str, Any], field: tuple[str | int, ...]) -> None:
    refusal = refused(event)

    assert refusal.reason == "invalid_data"
    assert [error.loc for error in refusal.errors] == [("data", *field)]


def test_every_wrong_field_is_told_at_once_and_never_with_its_value() -> None:
    refusal = refused(event_of(COMPLAINT, channel="fax", severity="secret-value", extra="secret-value") | {"time": "secret-value"})

    assert {error.loc for error in refusal.errors} == {("time",), ("data", "channel"), ("data", "severity"), ("data", "extra")}
    assert refusal.reason == "invalid_envelope"
    assert not any("secret-value" in error.msg for error in refusal.errors)


@pytest.mark.parametrize("received_at", ["2026-02-27", "2026-02-27T10:00:00+01:00"])
def test_a_letter_may_carry_an_instant_or_a_date_alone_as_its_receipt(received_at: str) -> None:
    submitted = taken(event_of(COMPLAINT, received_at=received_at))

    read = decode(encode(submitted, id="1", source="/s", tenant="acme", receivedat=NOW)).data.received_at

    assert read.isoformat() == received_at


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\udfff\ud83d", "\0"])
@pytest.mark.parametrize("place", ["text", "tags", "key", "extension", "id", "attribute"])
def test_nul_and_half_surrogate_pairs_are_refused_everywhere(text: str, place: str) -> None:
    event = {
        "text": lambda: event_of(COMPLAINT, text=text),
        "tags": lambda: event_of(COMPLAINT, tags={"a": text}),
        "key": lambda: event_of(COMPLAINT, tags={text: "a"}),
        "extension": lambda: event_of(COMPLAINT) | {"myext": text},
        "id": lambda: event_of(COMPLAINT) | {"id": text},
        "attribute": lambda: event_of(COMPLAINT, customer={"attributes": {"a": {"b": text}}}),
    }[place]()

    escaped = refused(json.dumps(event).encode())
    raw = refused(json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass"))

    assert {escaped.reason, raw.reason} <= {"not_text", "invalid_data"}
    assert place == "attribute" or escaped.reason == raw.reason == "not_text"


def test_whole_surrogate_pairs_and_the_words_for_nul_are_text() -> None:
    item = json.dumps(event_of(COMPLAINT, text="😀 \\u0000 in words")).encode()

    assert json.loads(admit(item, NOW).data)["text"] == "😀 \\u0000 in words"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 400, "1" + "0" * 5000, "1e13"])
def test_a_number_that_is_not_finite_or_out_of_all_measure_is_refused(number: str) -> None:
    item = json.dumps(event_of("customer.purchased.v1", amount="here")).replace('"here"', number)

    refusal = refused(item.encode())

    assert refusal.reason == "not_json" or [error.loc for error in refusal.errors] == [("data", "amount")]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"\xff", "not_text"),
        (b"[]", "invalid_envelope"),
        (b"{}", "invalid_envelope"),
        (b'{"type":7}', "invalid_envelope"),
        (b'{"type":"feedback.complaint_raised.v2"}', "unknown_type"),
        (b'{"type":"metric.sampled.v1"}', "not_for_clients"),
        (b'{"type":"feedback.complaint_raised.v1"}', "invalid_envelope"),
        (b" " * (MAX_EVENT_BYTES + 1), "too_large"),
    ],
)
def test_every_kind_of_refusal_has_its_reason(item: bytes, reason: str) -> None:
    refusal = refused(item)

    assert refusal.reason == reason
    assert refusal.errors


def test_a_refusal_stays_short_whatever_is_sent() -> None:
    long_names = {f"{number}{'x' * 10_000}": 1 for number in range(100)}

    for refusal in (refused(event_of(COMPLAINT, **long_names)), refused({**EXAMPLES[SURVEY], "y" * 10_000: 1})):
        assert 1 <= len(refusal.errors) <= 20
        assert all(len(str(error)) < 500 for error in refusal.errors)


def test_a_mistyped_type_is_answered_with_the_nearest_one() -> None:
    (error,) = refused({**EXAMPLES[SURVEY], "type": "feedback.survey_answerd.v1"}).errors

    assert error.loc == ("type",) and "did you mean feedback.survey_answered.v1?" in error.msg


@pytest.mark.parametrize("time", ["2026-03-01T10:30:00", "2026-03-01", "1700000000", 1700000000, "2026-03-01T25:00:00Z", ""])
def test_an_instant_without_offset_or_in_another_form_is_refused_with_an_example(time: object) -> None:
    refusal = refused({**EXAMPLES[SURVEY], "time": time})

    assert refusal.reason == "invalid_envelope"
    assert [error.loc for error in refusal.errors] == [("time",)]
    assert "2026-03-01T09:30:00Z" in refusal.errors[0].msg


@pytest.mark.parametrize(
    ("age", "backfill", "accepted"),
    [
        (-timedelta(minutes=5), False, True),
        (-timedelta(minutes=5, microseconds=1), False, False),
        (-timedelta(minutes=5, microseconds=1), True, False),
        (timedelta(days=3650), False, True),
        (timedelta(days=3655), False, False),
        (timedelta(days=3655), True, True),
        (NOW - datetime(2000, 1, 1, tzinfo=UTC), True, True),
        (NOW - datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), True, False),
    ],
)
def test_time_must_lie_between_the_year_2000_or_ten_years_ago_and_five_minutes_ahead(
    age: timedelta, backfill: bool, accepted: bool
) -> None:
    event = {**EXAMPLES[SURVEY], "time": (NOW - age).isoformat(), "backfill": backfill}

    if accepted:
        assert taken(event).time == NOW - age
    else:
        assert refused(event).reason == "time_out_of_range"


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+10:00"])
def test_times_at_the_ends_of_the_calendar_are_refused_and_not_a_crash(time: str) -> None:
    assert refused({**EXAMPLES[SURVEY], "time": time}).reason == "time_out_of_range"


def test_time_is_kept_to_the_microsecond_in_utc() -> None:
    submitted = taken({**EXAMPLES[SURVEY], "time": "2026-03-01T10:30:00.123456+01:00"})

    assert submitted.time.isoformat() == "2026-03-01T09:30:00.123456+00:00"


def test_of_two_fields_of_one_name_the_last_counts_for_both_decoders() -> None:
    once_more = b',"data":{"channel":"web","text":"second","text":"third"}}'
    fast = json.dumps(event_of(COMPLAINT, received_at=GONE)).encode()[:-1] + once_more
    slow = fast[:-1] + b',"myext":1}'

    texts = [json.loads(admit(item, NOW).data)["text"] for item in (fast, slow)]

    assert texts == ["third", "third"]
