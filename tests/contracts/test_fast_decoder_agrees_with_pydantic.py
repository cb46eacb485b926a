"""The law behind the fast decoder: what it accepts pydantic accepts, with equal content, and nothing crashes either."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts import decoding
from shared.contracts.decoding import Submitted, admit, decode, decoder_of, encode, encode_own
from shared.contracts.derive import Family
from shared.contracts.envelope import Envelope
from shared.contracts.examples import EXAMPLES
from shared.contracts.registry import EVENT_TYPES
from shared.contracts.verdict import judge_record, judge_submission
from shared.errors import InvalidEvent
from tests.contracts.content import content
from tests.contracts.generated import TEXT, data_of, spoilt, spoilt_everywhere

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXTENSIONS = st.dictionaries(st.sampled_from(["myext", "traceparent"]), TEXT | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=1)
CLIENT_TYPES = sorted(EXAMPLES)
OWN_TYPES = sorted(EVENT_TYPES.keys() - EXAMPLES.keys())
RECORDS = [{**event, "specversion": "1.0", "tenant": "acme", "receivedat": event["time"]} for _, event in sorted(EXAMPLES.items())]


@st.composite
def submissions(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(CLIENT_TYPES))
    required = {"type": st.just(name), "time": st.just("2026-03-01T10:30:00.123456+01:00"), "data": data_of(EVENT_TYPES[name].data)}
    optional = {
        "specversion": st.just("1.0"),
        "id": st.just("e-1"),
        "tenant": st.just("acme"),
        "subject": st.none(),
        "backfill": st.booleans(),
    }
    return {**draw(st.fixed_dictionaries(required, optional=optional)), **draw(EXTENSIONS)}


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(EVENT_TYPES)))
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/crm",
        "type": name,
        "time": "2026-03-01T10:30:00+01:00",
        "tenant": "acme",
        "receivedat": "2026-03-01T10:30:00Z",
        "sequence": draw(st.none() | st.integers(0, 2**53)),
        "data": draw(data_of(EVENT_TYPES[name].data)),
    }


def assert_same(submitted: Submitted, item: bytes) -> None:
    judged = judge_submission(item)
    data_model = EVENT_TYPES[judged.type].data
    assert content(data_model.model_validate_json(submitted.data)) == content(judged.data)
    of_envelope = ("id", "source", "type", "time", "subject", "tenant", "backfill", "dataschema", "extensions")
    assert [getattr(submitted, name) for name in of_envelope] == [getattr(judged, name) for name in of_envelope]
    assert submitted.revision == judged.data.revision
    assert submitted.customer_id == (judged.data.customer and judged.data.customer.id)


@given(submissions())
def test_every_generated_submission_is_admitted_with_the_content_that_pydantic_reads(event: dict[str, Any]) -> None:
    item = json.dumps(event).encode()

    submitted = admit(item, NOW)

    assert_same(submitted, item)


def admit_as_pydantic(item: bytes) -> None:
    try:
        submitted = admit(item, NOW)
    except InvalidEvent as refused:
        assert refused.errors and refused.reason
    else:
        assert_same(submitted, item)


@given(spoilt(st.sampled_from(list(EXAMPLES.values()))))
def test_a_spoilt_submission_is_refused_or_read_as_pydantic_reads_it(item: bytes) -> None:
    admit_as_pydantic(item)


@pytest.mark.parametrize("name", CLIENT_TYPES)
def test_a_submission_with_any_known_trap_in_any_field_is_refused_or_read_as_pydantic_reads_it(name: str) -> None:
    for item in spoilt_everywhere({**EXAMPLES[name], "datacontenttype": "application/json", "tenant": "acme"}):
        admit_as_pydantic(item)


@given(submissions())
def test_what_is_stored_is_read_back_with_equal_content_whichever_decoder_took_it(event: dict[str, Any]) -> None:
    item = json.dumps(event).encode()
    submitted = admit(item, NOW)

    read = decode(encode(submitted, id="x-1", source="/keys/k", tenant="acme", receivedat=NOW))

    judged = judge_submission(item)
    assert content(read.data) == content(judged.data)
    assert (read.id, read.source, read.tenant, read.receivedat) == ("x-1", "/keys/k", "acme", NOW)
    assert (read.type, read.time, read.backfill) == (judged.type, judged.time, judged.backfill)


@given(records())
def test_every_generated_record_is_decoded_as_pydantic_reads_it(record: dict[str, Any]) -> None:
    value = json.dumps(record).encode()

    event = decode(value)

    assert content(event) == content(judge_record(value))


@given(records(), st.sets(st.sampled_from(["channel", "customer", "revision", "answers", "text", "handle_seconds", "rating"])))
def test_a_decoder_of_some_fields_reads_what_the_whole_one_reads_of_them(record: dict[str, Any], fields: set[str]) -> None:
    value = json.dumps(record).encode()

    some, whole = decoder_of(*fields)(value), decode(value)

    assert {name: content(getattr(some, name)) for name in Envelope.model_fields if name != "data"} == {
        name: content(getattr(whole, name)) for name in Envelope.model_fields if name != "data"
    }
    held = fields & set(whole.data.__struct_fields__)
    assert {name: content(getattr(some.data, name)) for name in held} == {name: content(getattr(whole.data, name)) for name in held}


def decode_as_pydantic(value: bytes) -> None:
    try:
        event = decode(value)
    except InvalidEvent as refused:
        assert refused.errors and refused.reason
        return
    try:
        judged = judge_record(value)
    except InvalidEvent as refused:
        # only in a field that nobody reads may the fast decoder pass over what is no text
        assert refused.reason in {"not_json", "not_text"}
    else:
        assert content(event) == content(judged)


@given(spoilt(st.sampled_from(RECORDS) | records()))
def test_a_spoilt_record_is_refused_or_decoded_as_pydantic_reads_it(value: bytes) -> None:
    decode_as_pydantic(value)


@pytest.mark.parametrize("record", RECORDS, ids=CLIENT_TYPES)
def test_a_record_with_any_known_trap_in_any_field_is_refused_or_decoded_as_pydantic_reads_it(record: dict[str, Any]) -> None:
    for value in spoilt_everywhere(record):
        decode_as_pydantic(value)


@given(st.data(), st.sampled_from(OWN_TYPES))
def test_what_our_services_write_is_read_back_with_equal_content(data: st.DataObject, name: str) -> None:
    model = EVENT_TYPES[name].data
    written = model.model_validate_json(json.dumps(data.draw(data_of(model))))

    about: dict[str, Any] = {"id": "1", "source": "/scoring", "tenant": "acme", "time": NOW, "sequence": 7, "backfill": True}

    event = decode(encode_own(name, data=written, **about))
    from_struct = decode(encode_own(name, data=event.data, **about))

    assert content(event.data) == content(from_struct.data) == content(written)
    assert (event.type, event.sequence, event.backfill, event.receivedat) == (name, 7, True, NOW)


@given(st.binary(max_size=60) | st.binary(max_size=20).map(lambda noise: b'{"type":"' + noise + b'"}'))
def test_no_bytes_whatever_do_more_than_being_refused(noise: bytes) -> None:
    for read in (lambda: admit(noise, NOW), lambda: decode(noise)):
        with pytest.raises(InvalidEvent):
            read()


@pytest.mark.parametrize(
    "opening", [b"[", b'{"a":', b'{"type":"feedback.observed.v1","data":', b'{"type":"text.analysed.v1","data":{"event":']
)
def test_nesting_without_end_is_refused_and_not_a_crash(opening: bytes) -> None:
    for item in (opening * 100_000, opening + b"[" * 100_000 + b"]" * 100_000 + b"}" * 3):
        with pytest.raises(InvalidEvent):
            admit(item, NOW)
        with pytest.raises(InvalidEvent):
            decode(item)


@pytest.mark.parametrize("name", CLIENT_TYPES)
def test_the_examples_never_need_the_slow_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    event = json.loads(json.dumps(EXAMPLES[name]))
    event["data"].pop("received_at", None)  # an instant or a date: the one field that only pydantic reads
    monkeypatch.setattr(decoding, "judge_submission", None)
    monkeypatch.setattr(decoding, "judge_record", None)

    submitted = admit(json.dumps(event).encode(), NOW)

    assert decode(encode(submitted, id="1", source="/s", tenant="acme", receivedat=NOW)).type == name


def test_every_field_but_one_has_a_fast_type() -> None:
    family = Family(forbid_unknown_fields=True)
    only_pydantic = {
        f"{model.__name__}.{field.name}"
        for model in {kind.data for kind in EVENT_TYPES.values()} | {Envelope}
        for field in msgspec.structs.fields(family.struct(model))
        if field.type is None or field.type is type(None)
    }

    assert only_pydantic == {"ComplaintRaised.received_at"}


def test_a_record_written_by_pydantic_is_in_the_form_that_the_fast_reader_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = json.dumps({**EXAMPLES["feedback.survey_answered.v1"], "myext": "a"}).encode()
    submitted = admit(slow, NOW)
    monkeypatch.setattr(decoding, "judge_record", None)

    read = decode(encode(submitted, id="1", source="/s", tenant="acme", receivedat=NOW))

    assert content(read.data) == content(EVENT_TYPES[read.type].data.model_validate_json(submitted.data))
