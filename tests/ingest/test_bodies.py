"""Every form of a body becomes one JSON text an event, and only what nobody could read is a 400."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.bodies import split
from shared.web.problems import Problem

JSON_EVENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20) | st.none(), max_size=4)
CURL = b"application/x-www-form-urlencoded"


def read(body: bytes | str, content_type: bytes | None = b"application/json", **headers: str) -> list[Any]:
    named = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
    if content_type is not None:
        named[b"content-type"] = content_type
    return [json.loads(item) for item in split(named, body if isinstance(body, bytes) else body.encode())]


def refused(body: bytes, content_type: bytes | None = b"application/json", **headers: str) -> Problem:
    with pytest.raises(Problem) as caught:
        read(body, content_type, **headers)
    assert (caught.value.status, caught.value.kind) == (400, "unreadable")
    return caught.value


@pytest.mark.parametrize("content_type", [b"application/json", b"application/cloudevents+json; charset=utf-8", b"text/plain", CURL, None])
@given(event=JSON_EVENTS)
def test_one_object_is_one_event_whatever_the_content_type_says(content_type: bytes | None, event: dict[str, Any]) -> None:
    assert read(f"\r\n\t {json.dumps(event)} \n", content_type) == [event]


@pytest.mark.parametrize("content_type", [b"application/json", b"application/cloudevents-batch+json", CURL, None])
@given(events=st.lists(JSON_EVENTS, min_size=1, max_size=5), ascii_only=st.booleans())
def test_an_array_is_its_elements_in_order(content_type: bytes | None, events: list[dict[str, Any]], ascii_only: bool) -> None:
    assert read(f" \n{json.dumps(events, ensure_ascii=ascii_only)}\n", content_type) == events


@pytest.mark.parametrize("content_type", [b"application/x-ndjson", b"Application/NDJSON; charset=utf-8", b"application/jsonl"])
@given(events=st.lists(JSON_EVENTS, min_size=1, max_size=5), newline=st.sampled_from(["\n", "\r\n", "\n\n \n"]))
def test_ndjson_is_one_event_a_line_and_empty_lines_are_none(content_type: bytes, events: list[dict[str, Any]], newline: str) -> None:
    assert read(newline.join(map(json.dumps, events)) + newline, content_type) == events


def test_an_element_stays_as_it_was_sent_so_that_nothing_is_lost_before_it_is_judged() -> None:
    items = split({}, b'[{"id":"1", "n": 1.10}, 1e999, "\\u0000"]')

    assert list(items) == [b'{"id":"1", "n": 1.10}', b"1e999", b'"\\u0000"']


@given(events=st.lists(JSON_EVENTS, min_size=1, max_size=4), place=st.integers(0, 4), space=st.sampled_from(["", " ", "\n\t "]))
def test_half_a_surrogate_pair_in_one_event_costs_no_other_event_of_the_array(events: list[Any], place: int, space: str) -> None:
    texts = [json.dumps(event) for event in events]
    texts.insert(place, '{"id":"\\ud83d","raw":"\xff"}')

    items = split({}, f"{space}[{space}{f'{space},{space}'.join(texts)}{space}]{space}".encode("latin-1"))

    assert [item.decode("latin-1") for item in items] == texts


@pytest.mark.parametrize("body", ['["\\ud800"', '["\\ud800",]', '["\\ud800"[', '["\\ud800"] x', '["\\ud800" "a"]', "[[],"])
def test_an_array_that_is_broken_is_not_taken_in_parts(body: str) -> None:
    assert "is not JSON" in refused(body.encode()).detail


def test_one_unreadable_line_does_not_spoil_the_readable_ones() -> None:
    items = split({b"content-type": b"application/x-ndjson"}, b'{"id":"1"}\nbroken\n{"id":"3"}')

    assert list(items) == [b'{"id":"1"}', b"broken", b'{"id":"3"}']


@pytest.mark.parametrize("body", [b"", b" \r\n\t ", b"[]", b" [ ] "])
def test_no_event_is_nothing_readable(body: bytes) -> None:
    assert refused(body).detail == "the body holds no event"


@pytest.mark.parametrize(
    "body",
    [b"hello", b"{", b"[{]", b'[{"id":"1"},', b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b"a=1&b=2", b"[" * 100_000, b'{"a":' * 100_000],
)
def test_what_is_no_json_is_nothing_readable_and_says_what_to_send(body: bytes) -> None:
    assert "is not JSON" in refused(body).detail


@pytest.mark.parametrize("body", [b"\n \n", b""])
def test_ndjson_without_a_line_is_nothing_readable(body: bytes) -> None:
    refused(body, b"application/x-ndjson")


def test_binary_mode_takes_attributes_from_the_headers_and_the_body_as_data() -> None:
    (event,) = read(
        '{"channel":"phone"}',
        ce_specversion="1.0",
        ce_id="a%20b%C3%BC%22",
        ce_type="feedback.idea_submitted.v1",
        ce_source="/crm",
        ce_time="2026-03-01T09:30:00Z",
        ce_myext="%E6%BC%A2",
        traceparent="00-abc",
    )

    assert event == {
        "specversion": "1.0",
        "id": 'a bü"',
        "type": "feedback.idea_submitted.v1",
        "source": "/crm",
        "time": "2026-03-01T09:30:00Z",
        "myext": "漢",
        "datacontenttype": "application/json",
        "data": {"channel": "phone"},
    }


@given(value=st.text(max_size=50).filter(lambda text: text.isprintable()))
def test_every_text_survives_the_percent_encoding_of_binary_mode(value: str) -> None:
    encoded = "".join(chr(b) if 0x21 <= b <= 0x7E and b not in b'%"' else f"%{b:02X}" for b in value.encode())

    (event,) = read("{}", ce_specversion="1.0", ce_subject=encoded)

    assert event["subject"] == value


def test_text_that_a_client_forgot_to_encode_arrives_as_it_was_sent() -> None:
    (item,) = split({b"ce-specversion": b"1.0", b"ce-subject": "Beschwerde über Gebühren".encode()}, b"{}")

    assert json.loads(item)["subject"] == "Beschwerde über Gebühren"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("yes", "yes")])
def test_backfill_is_a_truth_in_a_header_too(text: str, value: object) -> None:
    (event,) = read("{}", ce_specversion="1.0", ce_backfill=text)

    assert event["backfill"] is value or event["backfill"] == value


def test_the_data_of_an_event_in_binary_mode_cannot_be_overridden_by_a_header() -> None:
    (event,) = read('{"channel":"phone"}', ce_specversion="1.0", ce_data='{"channel":"web"}')

    assert event["data"] == {"channel": "phone"}


def test_a_structured_event_is_not_taken_for_a_binary_one_because_of_a_header() -> None:
    assert read('{"id":"7"}', b"application/cloudevents+json", ce_specversion="1.0", ce_id="8") == [{"id": "7"}]


@pytest.mark.parametrize("headers", [{"ce_id": "%ff"}, {"ce_id": "%ED%A0%80"}, {"ce_id": "\xff"}])
def test_headers_that_are_not_utf8_are_nothing_readable(headers: dict[str, str]) -> None:
    assert "UTF-8" in refused(b"{}", ce_specversion="1.0", **headers).detail


@pytest.mark.parametrize("body", [b"", b"text", b"{"])
def test_binary_data_that_is_no_json_is_nothing_readable(body: bytes) -> None:
    assert "binary mode" in refused(body, ce_specversion="1.0", ce_id="1").detail


@given(body=st.binary(max_size=60), content_type=st.sampled_from([b"application/json", b"application/x-ndjson", CURL]), ce=st.booleans())
def test_no_bytes_at_all_end_otherwise_than_in_events_or_a_400(body: bytes, content_type: bytes, ce: bool) -> None:
    headers = {b"content-type": content_type} | ({b"ce-specversion": b"1.0", b"ce-id": body} if ce else {})
    try:
        items = split(headers, body)
    except Problem as problem:
        assert problem.status == 400
    else:
        assert items
