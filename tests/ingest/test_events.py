"""The rules of `POST /v1/events` that need a log which fails in parts, or a clock that stands still."""

import copy
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from services.ingest.events import Answer, Events
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.policy import NO_POLICIES, Policies
from services.ingest.settings import IngestSettings
from shared.contracts.examples import EXAMPLES
from shared.errors import Unavailable
from shared.web.access import Principal
from shared.web.problems import Problem
from tests.ingest.partitions import PARTITIONS, Partitions

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CALLER = Principal("acme", "k1", frozenset({"ingest:write"}), None)
HISTORIAN = Principal("acme", "k2", frozenset({"ingest:write", "ingest:backfill"}), None)
TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
SETTINGS = IngestSettings(database_url=SecretStr("unused"), remembered_ids=100, max_events_per_request=50, max_event_bytes=2048)


def events_on(
    log: Partitions, registry: CollectorRegistry | None = None, settings: IngestSettings = SETTINGS, policies: Policies = NO_POLICIES
) -> Events:
    return Events(settings, Intake(settings, log, IngestMetrics(registry or CollectorRegistry()), policies), lambda: NOW)  # type: ignore[arg-type]


def idea(**attributes: Any) -> dict[str, Any]:
    event = copy.deepcopy(EXAMPLES["feedback.idea_submitted.v1"])
    del event["data"]["customer"]
    revision = attributes.pop("revision", None)
    event["data"] |= {} if revision is None else {"revision": revision}
    return {name: value for name, value in {**event, **attributes}.items() if value is not ...}


async def post(events: Events, body: Any, caller: Principal = CALLER, **headers: str) -> Answer:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return await events.post(caller, named, json.dumps(body).encode(), TRACE)


def told(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(answer.body)
    return content


def batch_on_every_partition() -> tuple[list[dict[str, Any]], list[int]]:
    """Anonymous events and the partition of each; every partition gets more than two."""
    log = Partitions()
    batch = [idea(id=f"e-{number}") for number in range(40)]
    places = [log.partition_for("", f"acme:{event['id']}".encode()) for event in batch]
    assert all(places.count(partition) > 2 for partition in range(PARTITIONS))
    return batch, places


@pytest.fixture
def log() -> Partitions:
    return Partitions()


async def test_a_partial_failure_of_the_log_lists_the_indices_that_are_in(log: Partitions) -> None:
    batch, places = batch_on_every_partition()
    log.refused, log.acknowledged = {1}, {2: 2}

    answer = await post(events_on(log), [*batch, {"type": "nothing"}])

    inside = [i for i, place in enumerate(places) if place in (0, 3) or (place == 2 and places[:i].count(2) < 2)]
    assert answer.status == 503
    assert dict(answer.headers)[b"retry-after"] == b"5"
    assert answer.media_type == "application/problem+json"
    assert told(answer)["accepted_indices"] == inside
    assert [r["index"] for r in told(answer)["rejected"]] == [40]
    assert sorted(json.loads(r.value)["id"] for r in log.records) == sorted(batch[i]["id"] for i in inside)


async def test_only_what_was_acknowledged_is_remembered_as_seen(log: Partitions) -> None:
    batch, _ = batch_on_every_partition()
    events = events_on(log)
    log.refused, log.acknowledged = {1}, {2: 2}
    first = told(await post(events, batch))
    log.refused, log.acknowledged = set(), {}

    again = told(await post(events, batch))
    third = told(await post(events, batch))

    assert again == {"accepted": 40, "duplicates": first["accepted_indices"], "rejected": []}
    assert third["duplicates"] == list(range(40))


async def test_when_nothing_arrives_the_whole_request_is_unavailable_and_nothing_is_remembered(log: Partitions) -> None:
    events = events_on(log)
    log.refused = set(range(PARTITIONS))
    with pytest.raises(Unavailable):
        await post(events, idea(id="1"))
    log.refused, log.acknowledged = set(), dict.fromkeys(range(PARTITIONS), 0)
    with pytest.raises(Unavailable):
        await post(events, idea(id="1"))
    log.acknowledged = {}

    answer = await post(events, idea(id="1"))

    assert told(answer)["duplicates"] == []
    assert len(log.records) == 1


@pytest.mark.parametrize(("revision", "duplicate"), [(None, True), (1, True), (2, True), (3, False)])
async def test_a_duplicate_has_the_same_or_a_lower_revision_than_the_one_acknowledged(
    log: Partitions, revision: int | None, duplicate: bool
) -> None:
    events = events_on(log)
    await post(events, idea(id="1", revision=2))

    answer = told(await post(events, [idea(id="0"), idea(id="1", revision=revision)]))

    assert answer == {"accepted": 2, "duplicates": [1] if duplicate else [], "rejected": []}


async def test_a_lower_revision_does_not_make_the_higher_one_forgotten(log: Partitions) -> None:
    events = events_on(log)
    await post(events, idea(id="1", revision=5))
    await post(events, idea(id="1", revision=1))

    answer = told(await post(events, idea(id="1", revision=4)))

    assert answer["duplicates"] == [0]


async def test_the_same_id_of_another_source_or_tenant_is_no_duplicate(log: Partitions) -> None:
    events = events_on(log)
    await post(events, idea(id="1"))

    other_source = told(await post(events, idea(id="1", source="/other")))
    other_tenant = told(await post(events, idea(id="1"), Principal("umbrella", "k9", frozenset({"ingest:write"}), None)))

    assert other_source["duplicates"] == other_tenant["duplicates"] == []


async def test_an_event_that_stands_twice_in_a_request_is_a_duplicate_the_second_time(log: Partitions) -> None:
    answer = told(await post(events_on(log), [idea(id="1"), idea(id="2"), idea(id="1"), idea(id="1", revision=2)]))

    assert (answer["accepted"], answer["duplicates"]) == (4, [2])


async def test_no_more_ids_are_remembered_than_configured_and_the_oldest_go_first(log: Partitions) -> None:
    events = events_on(log)
    for number in range(101):
        await post(events, idea(id=f"e-{number}"))

    last, first = told(await post(events, idea(id="e-100"))), told(await post(events, idea(id="e-0")))

    assert (last["duplicates"], first["duplicates"]) == ([0], [])


async def test_ids_derived_from_an_idempotency_key_are_equal_on_repetition_and_different_by_index_and_key(log: Partitions) -> None:
    events = events_on(log)
    three = [idea(id=...)] * 3
    asking = {"prefer": "return=representation"}

    first = told(await post(events, three, idempotency_key="order-7", **asking))
    again = told(await post(events, three, idempotency_key="order-7", **asking))
    other = told(await post(events, three, idempotency_key="order-8", **asking))

    assert first["ids"] == again["ids"]
    assert again["duplicates"] == [0, 1, 2]
    assert len({*first["ids"], *other["ids"]}) == 6
    assert {json.loads(record.value)["id"] for record in log.records} == {*first["ids"], *other["ids"]}


async def test_an_index_and_a_key_that_run_together_give_different_ids(log: Partitions) -> None:
    many = [idea(id=...)] * 13
    asking = {"prefer": "return=representation"}

    plain = told(await post(events_on(log), many, idempotency_key="2", **asking))["ids"]
    longer = told(await post(events_on(log), many, idempotency_key="22", **asking))["ids"]
    marked = told(await post(events_on(log), many, idempotency_key="2:2", **asking))["ids"]

    assert len({*plain, *longer, *marked}) == 39


async def test_an_id_of_the_client_wins_over_the_idempotency_key(log: Partitions) -> None:
    answer = await post(events_on(log), [idea(id="mine"), idea(id=...)], idempotency_key="k", prefer="return=representation")

    first, second = told(answer)["ids"]
    assert first == "mine"
    assert second != "mine"


async def test_without_an_id_a_repeated_request_counts_twice(log: Partitions) -> None:
    events = events_on(log)

    answers = [told(await post(events, idea(id=...))) for _ in range(2)]

    assert [answer["duplicates"] for answer in answers] == [[], []]
    assert len({json.loads(record.value)["id"] for record in log.records}) == 2


async def test_the_representation_has_a_place_for_every_item_and_none_for_a_rejected_one(log: Partitions) -> None:
    answer = await post(events_on(log), [idea(id="a"), {"id": "b"}, idea(id="c")], prefer="respond-async, return=representation")

    assert told(answer)["ids"] == ["a", None, "c"]


@pytest.mark.parametrize(
    ("items", "status", "kind"),
    [
        ([idea(tenant="umbrella")], 403, "forbidden"),
        ([idea(tenant="umbrella"), idea(backfill=True)], 403, "forbidden"),
        ([idea(tenant="umbrella"), {}], 422, "no_valid_event"),
        ([{}], 422, "no_valid_event"),
        ([1, "a", None], 422, "no_valid_event"),
        ([idea()] * 51, 413, "too_many_events"),
        ([idea(data={"channel": "web", "text": "x" * 2100})], 422, "no_valid_event"),
    ],
)
async def test_when_nothing_is_valid_the_reasons_are_told_and_the_log_stays_empty(
    log: Partitions, items: Sequence[Any], status: int, kind: str
) -> None:
    with pytest.raises(Problem) as caught:
        await post(events_on(log), items)

    assert (caught.value.status, caught.value.kind) == (status, kind)
    assert log.records == []


async def test_a_key_that_may_not_write_sends_nothing(log: Partitions) -> None:
    reader = Principal("acme", "k3", frozenset({"metrics:read", "ingest:backfill", "admin"}), None)

    with pytest.raises(Problem) as caught:
        await post(events_on(log), idea(), reader)

    assert (caught.value.status, log.records) == (403, [])


async def test_history_goes_to_its_own_topic_and_needs_its_own_scope(log: Partitions) -> None:
    items = [idea(id="live"), idea(id="old", backfill=True)]

    allowed = told(await post(events_on(log), items, HISTORIAN))
    topics = {json.loads(record.value)["id"]: topic for record, topic in zip(log.records, log.topics, strict=True)}
    refused = told(await post(events_on(log), items))

    assert allowed["accepted"] == 2
    assert topics == {"live": "feedback.events.v1", "old": "feedback.backfill.v1"}
    (rejected,) = refused["rejected"]
    assert (rejected["index"], rejected["id"], rejected["errors"][0]["loc"]) == (1, "old", ["backfill"])
    assert rejected["errors"][0]["msg"].startswith("403")


async def test_a_record_carries_the_trace_and_its_content_type_and_lies_with_its_customer(log: Partitions) -> None:
    await post(events_on(log), EXAMPLES["feedback.complaint_raised.v1"])

    (record,) = log.records
    assert dict(record.headers) == {"traceparent": TRACE, "content-type": b"application/cloudevents+json"}
    assert record.key == b"acme:c-1042"


async def test_taken_and_refused_events_are_counted_without_naming_anybody(log: Partitions) -> None:
    registry = CollectorRegistry()
    batch, _ = batch_on_every_partition()
    log.refused = {0}

    answer = await post(events_on(log, registry), [*batch, idea(tenant="umbrella")])

    taken = registry.get_sample_value("hearback_ingest_accepted_events_total", {"topic": "feedback.events.v1"})
    assert taken == len(told(answer)["accepted_indices"]) == len(log.records)
    assert registry.get_sample_value("hearback_ingest_rejected_events_total", {"reason": "forbidden"}) == 1
