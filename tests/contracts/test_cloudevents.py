"""The envelope follows CloudEvents 1.0: attributes, extensions, content types, and the shorthand."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.clocks import ClockEvent
from shared.contracts.decoding import Submitted, admit, decode, encode, encode_own, fast
from shared.contracts.examples import EXAMPLES
from shared.contracts.fields import LATEST_INSTANT
from shared.contracts.metrics import MetricSampled, SeriesWanted
from shared.contracts.text import AnalysedOrigin, TextAnalysed
from shared.errors import InvalidEvent

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVENT = EXAMPLES["feedback.survey_answered.v1"]
STORED: dict[str, Any] = {"id": "x-1", "source": "/keys/k", "tenant": "acme", "receivedat": NOW}
SAMPLE: dict[str, Any] = {
    "series": "nps[1h]",
    "metric": "nps",
    "slice": {},
    "window": "1h",
    "as_of": NOW,
    "watermark": NOW,
    "value": None,
    "n": 0,
    "components": {"promoters": 0},
    "reason": "heartbeat",
}


def taken(**attributes: Any) -> Submitted:
    return admit(json.dumps({**EVENT, **attributes}).encode(), NOW)


def refused(**attributes: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        taken(**attributes)
    return caught.value


def record(**attributes: Any) -> bytes:
    whole = {**EVENT, "specversion": "1.0", "tenant": "acme", "receivedat": "2026-03-01T10:30:00Z", **attributes}
    return json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()


def test_a_whole_cloudevent_is_taken_with_all_its_attributes() -> None:
    submitted = taken(
        specversion="1.0",
        subject="order-5",
        tenant="acme",
        receivedat="2026-03-01T10:30:00Z",
        dataschema="https://example.com/schema",
        datacontenttype="application/json; charset=utf-8",
        backfill=True,
    )

    assert (submitted.subject, submitted.tenant, submitted.backfill) == ("order-5", "acme", True)
    assert submitted.dataschema == "https://example.com/schema"


def test_the_shorthand_needs_neither_id_nor_source_nor_specversion() -> None:
    submitted = admit(json.dumps({name: EVENT[name] for name in ("type", "time", "data")}).encode(), NOW)

    assert (submitted.id, submitted.source, submitted.tenant, submitted.backfill, submitted.revision) == (None, None, None, False, 1)


@pytest.mark.parametrize("media", ["application/json", "application/vnd.acme+json", "text/json", "APPLICATION/JSON;charset=UTF-8"])
def test_json_content_types_are_taken(media: str) -> None:
    assert taken(datacontenttype=media).type == EVENT["type"]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"datacontenttype": "text/xml"}, "datacontenttype"),
        ({"datacontenttype": "application/jsonp"}, "datacontenttype"),
        ({"specversion": "0.3"}, "specversion"),
        ({"data_base64": "e30="}, "data_base64"),
        ({"sequence": "7"}, "sequence"),
        ({"my_ext": "a"}, "my_ext"),
        ({"MyExt": "a"}, "MyExt"),
        ({"": "a"}, ""),
        ({"e" * 21: "a"}, "e" * 21),
        ({"myext": {"a": 1}}, "myext"),
        ({"myext": 1.5}, "myext"),
        ({"myext": 2**31}, "myext"),
        ({"backfill": "true"}, "backfill"),
        ({"tenant": "Acme"}, "tenant"),
        ({"tenant": "acme\n"}, "tenant"),
        ({"id": ""}, "id"),
        ({"id": "x" * 257}, "id"),
        ({"source": "x" * 513}, "source"),
        ({"data": None}, "data"),
    ],
)
def test_a_wrong_attribute_is_refused_by_name(attributes: dict[str, Any], name: str) -> None:
    refusal = refused(**attributes)

    assert refusal.reason in {"invalid_envelope", "invalid_data"}
    assert [error.loc for error in refusal.errors] == [(name,)]


def test_extension_attributes_pass_through_to_the_log_and_null_ones_are_as_if_unset() -> None:
    submitted = taken(traceparent="00-abc-01", myint=-5, flag=False, unset=None)

    written = json.loads(encode(submitted, **STORED))

    assert submitted.extensions == {"traceparent": "00-abc-01", "myint": -5, "flag": False}
    assert (written["traceparent"], written["myint"], written["flag"], "unset" in written) == ("00-abc-01", -5, False, False)
    assert written["data"] == EVENT["data"]


def test_more_than_thirty_two_extensions_are_refused() -> None:
    assert refused(**{f"ext{number}": 1 for number in range(33)}).reason == "invalid_envelope"


def test_what_is_written_is_a_structured_cloudevent_with_our_own_identity_and_receipt() -> None:
    written = json.loads(encode(taken(id="theirs", receivedat="2001-01-01T00:00:00Z"), **STORED))

    assert written.keys() == {"specversion", "id", "source", "type", "time", "tenant", "receivedat", "data"}
    assert (written["specversion"], written["id"], written["source"], written["tenant"]) == ("1.0", "x-1", "/keys/k", "acme")
    assert (written["time"], written["receivedat"]) == ("2026-03-01T09:30:00Z", "2026-11-22T12:00:00Z")


def test_a_reader_gets_attributes_named_as_in_the_model() -> None:
    event = decode(encode(taken(backfill=True), **STORED))

    assert event.type == EVENT["type"] and event.backfill is True and event.sequence is None and event.time.tzinfo is not None
    assert event.data.answers[0].score == 9 and event.data.customer.id == "c-1042" and event.data.tags == {}


@pytest.mark.parametrize("nul", ["", "\\u0000 in words"])
def test_a_reader_tolerates_fields_of_a_newer_writer_whichever_decoder_reads(nul: str) -> None:
    newer = {**EVENT["data"], "comment": nul, "mood": "fine", "customer": {"id": "c", "shoe_size": 43}}

    event = decode(record(data=newer, newattribute={"a": 1}))

    assert (event.data.comment, event.data.customer.id) == (nul, "c")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"poison", "not_json"),
        (b"\xed\xa0\x80", "not_text"),
        (b'"a"', "invalid_envelope"),
        (record(type="feedback.sung.v1"), "unknown_type"),
        (record(specversion="2.0"), "invalid_envelope"),
        (record(tenant=...), "invalid_envelope"),
        (record(receivedat=...), "invalid_envelope"),
        (record(time="2026-03-01T10:30:00"), "invalid_envelope"),
        (record(data={"channel": "web"}), "invalid_data"),
        (record(data={**EVENT["data"], "comment": "a\0b"}), "not_text"),
        (record(data={**EVENT["data"], "comment": "\ud800"}), "not_text"),
        (record(time="9999-12-31T23:59:59Z"), "time_out_of_range"),
        (record(time="9999-12-31T23:59:59Z", receivedat="9999-12-31T23:59:59Z"), "time_out_of_range"),
        (record(time="1999-12-31T23:59:59Z"), "time_out_of_range"),
        (record(time="2026-03-01T10:35:00.000001Z"), "time_out_of_range"),
    ],
)
def test_a_record_that_can_never_be_read_says_why(value: bytes | None, reason: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(value)

    assert caught.value.reason == reason
    assert caught.value.errors


def test_a_null_that_is_a_value_survives_our_own_writing() -> None:
    written = encode_own(
        "metric.sampled.v1", id="nps[1h]:7", source="/scoring", tenant="acme", time=NOW, data=MetricSampled(**SAMPLE), sequence=7
    )

    event = decode(written)

    assert (event.id, event.sequence, event.receivedat, event.data.value, event.data.n) == ("nps[1h]:7", 7, NOW, None, 0)


def test_a_service_that_writes_the_wrong_record_hears_so_at_once() -> None:
    wanted = SeriesWanted(series="nps[1h]", metric="nps", slice={}, window="1h", wanted=True)

    with pytest.raises(TypeError, match=r"metric\.sampled\.v1 carries MetricSampled, not SeriesWanted"):
        encode_own("metric.sampled.v1", id="1", source="/scoring", tenant="acme", time=NOW, data=wanted)


@pytest.mark.parametrize("wrong", [{"cycle": -1}, {"kind": "First response"}, {"due_at": LATEST_INSTANT}])
def test_a_struct_is_judged_as_its_model_would_be(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"case": "c", "version": 1, "clock": "k", "kind": "first_response", "cycle": 1, "generation": 1, "due_at": NOW}

    encode_own("clock.breached.v1", id="1", source="/closed_loop", tenant="acme", time=NOW, data=fast(ClockEvent)(**right))
    with pytest.raises(ValueError):
        encode_own("clock.breached.v1", id="1", source="/closed_loop", tenant="acme", time=NOW, data=fast(ClockEvent)(**{**right, **wrong}))


@pytest.mark.parametrize(("depth", "reason"), [(60, None), (70, "invalid_data"), (300, "too_deep")])
def test_a_source_event_is_nested_as_deep_for_the_fast_decoder_as_for_pydantic(depth: int, reason: str | None) -> None:
    analysed = {"origin": {"source": "/s", "id": "1", "revision": 1}, "event": {"a": []}, "model": "m", "first": True}
    value = record(type="text.analysed.v1", data=analysed).replace(b"[]", b"[" * depth + b"]" * depth)

    try:
        decode(value)
    except InvalidEvent as refused:
        assert refused.reason == reason
    else:
        assert reason is None


@pytest.mark.parametrize("value", [{"a": "x\0"}, {"a\0": 1}, {"a": [float("inf")]}, {"a": "\ud800"}])
def test_a_source_event_inside_an_analysis_is_held_to_the_same_text(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        TextAnalysed(origin=AnalysedOrigin(source="/s", id="1", revision=1), event=value, model="m", first=True)
