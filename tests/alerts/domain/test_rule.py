"""Which documents are rules, and what is said of those that are not."""

from datetime import timedelta
from typing import Any

import pytest

from services.alerts.defaults import ROUTE, RULES
from services.alerts.domain.durations import duration, written
from services.alerts.domain.route import read_route
from services.alerts.domain.rule import ClockRule, MetricRule, RuleRefused, read_rule

METRIC: dict[str, Any] = {"rule": "r", "metric": "csat", "window": "1h", "condition": {"below": 0.7}}
CLOCK: dict[str, Any] = {"rule": "r", "source": "clock", "state": "breached"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"condition": {}}, "name above or below"),
        ({"condition": {"below": 1, "above": 2}}, "exactly one of above and below"),
        ({"condition": {"below": 0.7, "recover": 0.6}}, "recover must not be less than below"),
        ({"condition": {"above": 0.7, "recover": 0.8}}, "recover must not be more than above"),
        ({"condition": {"below": float("nan")}}, "finite number"),
        ({"condition": {"change": {"of": "-15%"}}}, "condition.change: Extra inputs"),
        ({"window": "3h"}, "window"),
        ({"min_samples": 0}, "min_samples"),
        ({"for": "five minutes"}, "for: must be a length of time"),
        ({"for": "-5m"}, "must be a length of time"),
        ({"filter": {"channel": "phone"}, "group_by": ["channel"]}, "channel is in filter already"),
        ({"labels": {"severity": "high"}}, "severity is set by Hearback"),
        ({"filter": {"channel": "phone"}, "labels": {"channel": "x"}}, "channel is a dimension"),
        ({"annotations": {"summary": "{{ price }}"}}, "{{ price }} is not known"),
        ({"severity": {"critical": {"below": 0.8}, "warning": {"below": 0.7}}, "condition": {}}, "the farther threshold"),
        ({"severity": {"critical": {"above": 0.8}, "warning": {"below": 0.7}}, "condition": {}}, "the same of above and below"),
        ({"severity": {"critical": {"below": 0.6}}, "condition": {"below": 0.7}}, "that of the mildest severity"),
        ({"group_by": ["source"]}, "alerts cannot be told apart by it"),
        ({"rule": "Not A Name"}, "rule"),
        ({"plan": "surge"}, "plan: Extra inputs"),
    ],
)
def test_a_metric_rule_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefused, match=says.replace("{", r"\{")):
        read_rule({**METRIC, **change})


@pytest.mark.parametrize(
    ("change", "says"),
    [({"opens": "intervention"}, "refused on rules whose source is a clock"), ({"state": "met"}, "state"), ({"window": "1h"}, "window")],
)
def test_a_clock_rule_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefused, match=says):
        read_rule({**CLOCK, **change})


@pytest.mark.parametrize("document", [None, [], "rule", {}, {"source": "clock"}, {"source": "external"}])
def test_what_is_no_document_is_refused_too(document: object) -> None:
    with pytest.raises(RuleRefused):
        read_rule(document)


def test_a_rule_reads_back_from_its_dump() -> None:
    ladder = {"critical": {"below": 0.6}, "warning": {"below": 0.7}}
    rules = [read_rule(METRIC), read_rule(CLOCK), read_rule({**METRIC, "severity": ladder, "for": "1h30m", "group_by": ["channel"]})]

    assert [read_rule(rule.dump()) for rule in rules] == rules
    assert rules[2].dump()["for"] == "1h30m"


def test_the_ladder_goes_from_the_highest_severity_down_and_the_condition_recovers_the_mildest() -> None:
    ladder = {"warning": {"below": 0.7}, "critical": {"below": 0.6}}
    rule = read_rule({**METRIC, "severity": ladder, "condition": {"below": 0.7, "recover": 0.75}})

    assert isinstance(rule, MetricRule)
    assert [(level.severity, level.threshold, level.recover) for level in rule.levels] == [("critical", 0.6, 0.6), ("warning", 0.7, 0.75)]


def test_a_rule_covers_exactly_the_slices_it_names() -> None:
    total, phone, each = (read_rule({**METRIC, **more}) for more in ({}, {"filter": {"channel": "phone"}}, {"group_by": ["channel"]}))

    covered = [[rule.covers(s) for s in ({}, {"channel": "phone"}, {"channel": "chat"}, {"channel": "phone", "team": "a"})]
               for rule in (total, phone, each) if isinstance(rule, MetricRule)]  # fmt: skip

    assert covered == [[True, False, False, False], [False, True, False, False], [False, True, True, False]]
    assert isinstance(phone, MetricRule)
    assert phone.series == 'csat{channel="phone"}[1h]'


def test_a_breach_is_critical_and_a_warning_a_warning_unless_the_rule_says_otherwise() -> None:
    rules = [read_rule({**CLOCK, **more}) for more in ({}, {"state": "warning"}, {"severity": "info"})]

    assert [rule.severity_name for rule in rules if isinstance(rule, ClockRule)] == ["critical", "warning", "info"]


def test_what_is_shipped_can_be_read() -> None:
    assert len([read_rule(document) for document in RULES]) == 3
    assert read_route(ROUTE).receiver == "default"


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("90s", 90), ("1h30m", 5400), ("250ms", 0.25), (2.5, 2.5), ("7d", 604800)])
def test_lengths_of_time_read_as_people_write_them(text: object, seconds: float) -> None:
    read = duration(text)

    assert isinstance(read, timedelta)
    assert read == timedelta(seconds=seconds)
    assert duration(written(read)) == read
