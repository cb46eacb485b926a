"""Every type of the design exists, travels where it should, and only ingest's may come from outside."""

import json
from datetime import UTC, datetime

from shared.contracts import topics
from shared.contracts.decoding import admit
from shared.contracts.examples import EXAMPLES
from shared.contracts.registry import EVENT_TYPES

FEEDBACK = (topics.FEEDBACK_EVENTS, topics.FEEDBACK_BACKFILL)


def types_on(*names: str) -> set[str]:
    return {kind.name.removesuffix(".v1") for kind in EVENT_TYPES.values() if kind.topics == names}


def test_the_types_of_every_topic_are_those_of_the_design() -> None:
    feedback = (
        "survey_sent survey_opened survey_failed survey_answered complaint_raised comment_posted idea_submitted message_received observed"
    )
    cases = "opened changed linked merged split reopened closed withdrawn erased"
    clocks = "started warned breached retracted rescheduled paused resumed met cancelled"
    alerts = "fired acknowledged resolved notified plan_statement_released"

    assert types_on(*FEEDBACK) == {f"feedback.{name}" for name in feedback.split()} | {
        "interaction.replied",
        "interaction.completed",
        "message.delivery_failed",
        *(f"customer.{name}" for name in ("purchased", "renewed", "churned", "referred")),
    }
    assert types_on(topics.TEXT_ANALYSED) == {"text.analysed"}
    assert types_on(topics.CUSTOMERS_EVENTS) == {"customer.merged", "customer.unmerged", "customer.erased"}
    assert types_on(topics.METRICS_UPDATED) == {"metric.sampled"}
    assert types_on(topics.SERIES_WANTED) == {"series.wanted"}
    assert types_on(topics.CASES_EVENTS) == {f"case.{name}" for name in cases.split()} | {f"clock.{name}" for name in clocks.split()}
    assert types_on(topics.SURVEYS_REQUESTS) == {"survey.requested", "survey.cancelled"}
    assert types_on(topics.ALERTS_EVENTS) == {f"alert.{name}" for name in alerts.split()}
    assert types_on(topics.ACCESS) == {f"access.{name}" for name in ("tenant", "person", "key", "session")}


def test_clients_may_send_what_ingest_sends_and_nothing_else() -> None:
    from_clients = {name for name, kind in EVENT_TYPES.items() if kind.from_clients}

    assert from_clients == {f"{name}.v1" for name in types_on(*FEEDBACK)} == EXAMPLES.keys()
    assert {EVENT_TYPES[name].written_by for name in from_clients} == {"ingest"}


def test_every_example_is_admitted() -> None:
    for name, event in EXAMPLES.items():
        submitted = admit(json.dumps(event).encode(), datetime(2026, 3, 2, tzinfo=UTC))

        assert (submitted.type, submitted.source, submitted.customer_id) == (name, "/crm", "c-1042")
