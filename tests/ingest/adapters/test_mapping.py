"""A mapping is checked when it is written, with an error that says what to change; what it makes is what ingest takes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from services.ingest.adapters import generic
from services.ingest.adapters.adapter import Endpoint, Outcome, Request, Unreadable
from services.ingest.adapters.generic import Options
from services.ingest.adapters.schemes import SchemeSecrets
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.judging import take

AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
COMMENT = {"type": "feedback.comment_posted", "id": ["$.id"], "fields": {"text": "$.text", "channel": {"value": "web"}}}
SURVEY = {
    "type": "feedback.survey_answered",
    "id": ["$.id"],
    "fields": {"survey": {"value": "s"}, "channel": {"value": "web"}},
    "answers": [{"question": "q", "instrument": "csat", "scale_min": 1, "scale_max": 5, "path": "$.score"}],
}


def options(**changed: Any) -> Options:
    return Options.model_validate_json(json.dumps({"events": [{**COMMENT, **changed}]}))


def received(options: Options, body: Any) -> Outcome:
    request = Request("POST", "https://feedback.example.com/", {"x-hearback-token": "test-secret"}, json.dumps(body).encode(), AT)
    outcome = generic.receive(request, Endpoint((SchemeSecrets(secret="test-secret"),), options, UTC_ZONE))
    take(outcome.events, AT, odd_times=True)
    return outcome


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"type": "feedback.comment"}, "must be one of feedback.survey_sent"),
        ({"type": "case.opened"}, "must be one of"),
        ({"fields": {"text": "$.text"}}, "feedback.comment_posted needs channel"),
        ({"fields": {"text": "$..text", "channel": {"value": "web"}}}, ".. is not taken"),
        ({"fields": {**COMMENT["fields"], "customer.mail": "$.mail"}}, "has no field customer.mail; it has agent, author"),
        ({"fields": {**COMMENT["fields"], "tags": "$.tags"}}, "has no field tags"),
        ({"fields": {**COMMENT["fields"], "tags." + "x" * 65: "$.tags"}}, "has no field tags.x"),
        ({"fields": {**COMMENT["fields"], "author": {"path": "$.a", "value": "b"}}}, "write a path or a value"),
        ({"fields": {**COMMENT["fields"], "author": {}}}, "write a path or a value"),
        ({"id": []}, "at least 1 item"),
        ({"answers": SURVEY["answers"]}, "feedback.comment_posted has no answers"),
        ({"colour": "red"}, "Extra inputs"),
        ({"type": "feedback.survey_answered", "fields": SURVEY["fields"]}, "needs answers"),
        ({**SURVEY, "answers": SURVEY["answers"] * 2}, "a name of its own"),
        ({**SURVEY, "answers": [{"question": "q", "instrument": "csat", "path": "$.a"}]}, "question q needs scale_min"),
        (
            {**SURVEY, "answers": [{"question": "q", "instrument": "ces", "scale_min": 1, "scale_max": 7, "path": "$.a"}]},
            "needs its polarity",
        ),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_what_to_change(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        options(**changed)

    assert reason in str(refused.value)


def test_two_events_of_one_body_need_ids_of_their_own() -> None:
    with pytest.raises(ValidationError, match="give all but one an id_suffix"):
        Options.model_validate_json(json.dumps({"events": [COMMENT, {**SURVEY}]}))


def test_two_events_that_exclude_each_other_may_have_one_id() -> None:
    posted, rated = ({**COMMENT, "only_if": {"$.event": ["posted"]}}, {**SURVEY, "only_if": {"$.event": ["Rated"]}})
    mapping = Options.model_validate_json(json.dumps({"events": [posted, rated]}))

    outcome = received(mapping, {"id": 1, "event": "rated", "score": 4, "text": "x"})

    assert [event.type for event in outcome.events] == ["feedback.survey_answered.v1"]


def test_fields_become_what_the_contract_wants_of_them() -> None:
    fields = {
        **COMMENT["fields"],
        "rating": "$.stars",
        "scale_min": {"value": 1},
        "scale_max": {"value": 5},
        "reach": "$.reach",
        "kind": "$.kind",
        "customer.id": "$.customer.number",
        "customer.email": "$.customer.mail",
        "customer.email_verified": "$.customer.known",
        "customer.consents.mailing": "$.customer.agreed",
        "customer.attributes.loyal": "$.customer.known",
        "tags.queue.name": "$.queue",
        "reply_to": "$.nothing",
    }
    body = {
        "id": 10**17 + 1,
        "text": " slow ",
        "stars": "4",
        "reach": 12.0,
        "kind": "PRAISE",
        "queue": 5,
        "customer": {"number": 42, "mail": "no address", "known": True, "agreed": "2026-01-01 09:00:00"},
    }

    outcome = received(options(fields=fields), body)

    assert outcome.events[0].id == "100000000000000001"
    assert outcome.events[0].data == {
        "text": "slow",
        "channel": "web",
        "rating": 4,
        "scale_min": 1,
        "scale_max": 5,
        "reach": 12,
        "kind": "praise",
        "customer": {
            "id": "42",
            "email_verified": True,
            "consents": {"mailing": "2026-01-01T09:00:00+00:00"},
            "attributes": {"loyal": True},
        },
        "tags": {"queue.name": "5"},
    }


@pytest.mark.parametrize(
    ("changed", "body", "reason"),
    [
        ({}, {"text": "x"}, r"\$\.id should be an id"),
        ({"fields": {**COMMENT["fields"], "kind": "$.kind"}}, {"id": 1, "text": "x", "kind": "rant"}, "should be one of comment, praise"),
        ({"fields": {**COMMENT["fields"], "reach": "$.reach"}}, {"id": 1, "text": "x", "reach": 1.5}, "should be a whole number"),
        (
            {"fields": {**COMMENT["fields"], "rating": "$.r"}},
            {"id": 1, "text": "x", "r": 3},
            "the mapping makes no .* of it: data.scale_min is required",
        ),
        ({"items": "$.items[*]"}, {"items": [{"id": n, "text": "x"} for n in range(1001)]}, "1000 items"),
        (
            {"fields": {**COMMENT["fields"], "author": "$" + "[*]" * 30}},
            {"id": 1, "text": "x", "all": [[0] * 600] * 600},
            "too many values",
        ),
        ({"time": "$.at"}, {"id": 1, "text": "x", "at": "yesterday"}, "should be an ISO 8601 time"),
    ],
)
def test_what_a_mapping_cannot_read_is_kept_with_the_reason(changed: dict[str, Any], body: Any, reason: str) -> None:
    mapping = options(**changed)

    with pytest.raises(Unreadable, match=reason):
        received(mapping, body)


@pytest.mark.parametrize(
    ("changed", "body", "reason"),
    [
        ({}, {"id": 1, "text": ""}, "no_text"),
        ({"only_if": {"$.event": ["rated", "commented"]}}, {"id": 1, "text": "x", "event": "closed"}, "other_event"),
        ({"only_if": {"$.event": ["rated"]}}, {"id": 1, "text": "x"}, "other_event"),
        (SURVEY, {"id": 1, "score": None}, "no_answer"),
    ],
)
def test_what_says_nothing_is_passed_over(changed: dict[str, Any], body: Any, reason: str) -> None:
    outcome = received(options(**changed), body)

    assert (outcome.events, outcome.passed_over) == ([], {reason: 1})


@pytest.mark.parametrize(
    ("written", "value", "time"),
    [
        ("iso", "2026-03-19T10:00:00+01:00", "2026-03-19T09:00:00+00:00"),
        ("seconds", 1773912885, "2026-03-19T09:34:45+00:00"),
        ("milliseconds", "1773912885123", "2026-03-19T09:34:45.123000+00:00"),
        ("microseconds", 1773912885123456, "2026-03-19T09:34:45.123456+00:00"),
        ("mail", "Thu, 19 Mar 2026 09:34:44 +0000", "2026-03-19T09:34:44+00:00"),
    ],
)
def test_times_are_read_as_the_mapping_says(written: str, value: Any, time: str) -> None:
    outcome = received(options(time="$.at", time_written=written), {"id": 1, "text": "x", "at": value})

    assert outcome.events[0].time.isoformat() == time


def test_a_revision_is_a_count_or_a_time_and_grows() -> None:
    counted = [received(options(revision="$.n"), {"id": 1, "text": "x", "n": count}).events[0] for count in (0, 1, "2")]
    timed = [received(options(revision="$.n"), {"id": 1, "text": "x", "n": f"2026-03-19T10:00:0{second}Z"}).events[0] for second in (0, 1)]

    revisions = [[event.data["revision"] for event in events] for events in (counted, timed)]
    assert revisions == [[1, 2, 3], [827229600, 827229601]]


def test_words_have_points_and_a_word_without_any_is_kept() -> None:
    answers = [{**SURVEY["answers"][0], "points": {"Great": 5, "bad": 1}}]
    mapping = options(**{**SURVEY, "answers": answers})

    outcome = received(mapping, {"id": 1, "score": "GREAT"})

    assert outcome.events[0].data["answers"] == [
        {"question": "q", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5, "choice": "GREAT"}
    ]
    with pytest.raises(Unreadable, match="score should be a number"):
        received(mapping, {"id": 1, "score": "so-so"})
