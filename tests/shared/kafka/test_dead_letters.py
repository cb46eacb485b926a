"""Dead letters: bytes untouched, the reason beside them, and a way back that only the consumer that failed takes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.topics import FEEDBACK_EVENTS, TOPICS, dead_topic
from shared.kafka.dead_letters import ATTEMPT, CONSUMER, ERROR, OFFSET, ONLY, PARTITION, TOPIC, SourceRecord, dead_letter, is_for, replayed

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FOREIGN = st.lists(st.tuples(st.sampled_from(["traceparent", "content-type", "x-theirs"]), st.binary(max_size=10)), max_size=4)


def record(headers: list[tuple[str, bytes]], key: bytes = b"k", value: bytes = b"poison") -> SourceRecord:
    return SourceRecord(FEEDBACK_EVENTS, 7, 42, NOW, key, value, headers)


@given(headers=FOREIGN, key=st.binary(max_size=20), value=st.binary(max_size=50))
def test_a_dead_letter_is_the_record_itself_and_what_happened_to_it(headers: list[tuple[str, bytes]], key: bytes, value: bytes) -> None:
    letter = dead_letter(record(headers, key, value), "scoring", "not_json: is not readable")

    assert (letter.topic, letter.key, letter.value) == (dead_topic(FEEDBACK_EVENTS), key, value)
    assert list(letter.headers[: len(headers)]) == headers
    assert dict(letter.headers[len(headers) :]) == {
        CONSUMER: b"scoring",
        ERROR: b"not_json: is not readable",
        TOPIC: FEEDBACK_EVENTS.encode(),
        PARTITION: b"7",
        OFFSET: b"42",
        ATTEMPT: b"1",
    }


@given(headers=FOREIGN)
def test_a_replay_goes_to_its_source_and_only_to_the_consumer_that_failed(headers: list[tuple[str, bytes]]) -> None:
    letter = dead_letter(record(headers), "scoring", "reason")

    back = replayed(letter.key, letter.value, letter.headers)

    assert (back.topic, back.key, back.value) == (FEEDBACK_EVENTS, b"k", b"poison")
    assert is_for("scoring", back.headers)
    assert not is_for("closed_loop", back.headers)
    assert [pair for pair in back.headers if pair[0] not in (ONLY, ATTEMPT)] == headers


def test_each_failure_counts_one_attempt_and_leaves_one_header_of_each_name() -> None:
    headers: list[tuple[str, bytes]] = [("traceparent", b"t")]
    for attempt in (b"1", b"2", b"3"):
        letter = dead_letter(record(headers), "scoring", "reason")

        assert dict(letter.headers)[ATTEMPT] == attempt
        assert len(letter.headers) == len(dict(letter.headers)) == 7
        assert ONLY not in dict(letter.headers)
        headers = list(replayed(letter.key, letter.value, letter.headers).headers)


@pytest.mark.parametrize(
    ("headers", "reads"),
    [
        ([], True),
        ([("traceparent", b"x")], True),
        ([(ONLY, b"scoring")], True),
        ([(ONLY, b"closed_loop")], False),
        ([(ONLY, b"scoring"), (ONLY, b"closed_loop")], False),
        ([(ONLY, b"")], False),
        ([(ONLY, b"Scoring")], False),
        ([(ONLY, b"\xff")], False),
    ],
)
def test_a_consumer_reads_everything_but_what_is_only_for_another(headers: list[tuple[str, bytes]], reads: bool) -> None:
    assert is_for("scoring", headers) is reads


def test_the_headers_of_the_largest_record_fit_into_the_dead_topic() -> None:
    letter = dead_letter(record([("traceparent", b"t" * 55)]), "closed_loop", "x" * 2000)
    added = sum(len(name) + len(value) + 20 for name, value in letter.headers)

    for topic in (topic for topic in TOPICS.values() if topic.dead):
        assert TOPICS[dead_topic(topic.name)].max_message_bytes - topic.max_message_bytes >= added
