"""The table of topics is what contracts.md says, and a dead letter always fits beside its source."""

from shared.contracts.registry import EVENT_TYPES
from shared.contracts.topics import ACCESS, DEAD_LETTER_HEADROOM_BYTES, FEEDBACK_EVENTS, MAX_EVENT_BYTES, SERIES_WANTED, TOPICS, dead_topic


def test_every_topic_is_written_read_and_kept_as_the_design_says() -> None:
    kept_days = {name: topic.retention_days for name, topic in TOPICS.items() if not name.endswith(".dead")}

    assert kept_days == {
        "feedback.events.v1": 30,
        "feedback.backfill.v1": 30,
        "text.analysed.v1": 7,
        "customers.events.v1": 30,
        "metrics.updated.v1": 7,
        "series.wanted.v1": None,
        "cases.events.v1": 90,
        "surveys.requests.v1": 30,
        "alerts.events.v1": 90,
        "access.v1": None,
    }
    assert {name for name, topic in TOPICS.items() if topic.compacted} == {SERIES_WANTED, ACCESS}
    assert TOPICS[FEEDBACK_EVENTS].written_by == "ingest"
    assert set(TOPICS[FEEDBACK_EVENTS].read_by) == {"scoring", "closed_loop", "ingest"}


def test_a_dead_letter_has_room_for_its_headers_and_thirty_days() -> None:
    sources = [topic for topic in TOPICS.values() if topic.dead]
    assert sources and {topic.name for topic in TOPICS.values() if not topic.name.endswith(".dead")} - {t.name for t in sources} == {ACCESS}
    for source in sources:
        sibling = TOPICS[dead_topic(source.name)]

        assert sibling.max_message_bytes == source.max_message_bytes + DEAD_LETTER_HEADROOM_BYTES
        assert (sibling.retention_days, sibling.compacted, sibling.dead) == (30, False, False)


def test_kafka_is_configured_with_append_time_and_either_retention_or_compaction() -> None:
    deleted, compacted = TOPICS[FEEDBACK_EVENTS].configuration(), TOPICS[ACCESS].configuration()

    assert deleted["retention.ms"] == str(30 * 24 * 3600 * 1000)
    assert (deleted["cleanup.policy"], compacted["cleanup.policy"]) == ("delete", "compact")
    assert "retention.ms" not in compacted
    assert {topic.configuration()["message.timestamp.type"] for topic in TOPICS.values()} == {"LogAppendTime"}


def test_the_largest_event_of_a_client_fits_on_its_topics_with_what_ingest_adds() -> None:
    longest_attributes_bytes = 4 * (256 + 512 + 2048 + 256) + 1024
    on_topics = {name for kind in EVENT_TYPES.values() if kind.from_clients for name in kind.topics}

    assert all(TOPICS[name].max_message_bytes >= MAX_EVENT_BYTES + longest_attributes_bytes for name in on_topics)
