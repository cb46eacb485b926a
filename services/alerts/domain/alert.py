"""What an alert is: its labels are its identity, its id follows from what fired it, so that a repetition is the same alert."""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from services.alerts.domain.rule import RANKS, ClockRule, Level, MetricRule, rendered

Source = Literal["metric", "clock"]
BEHIND = "scoring_behind"
"""The alert about the measuring itself; no rule can take its name away, because it carries none."""
BEHIND_LABELS = {"alertname": BEHIND, "severity": "critical", "source": "metric"}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert from its start to its end. `family` and `rank`: of one family only the highest rank that fires is told."""

    id: uuid.UUID
    tenant: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    source: Source
    rule: str | None
    rule_version: int | None
    severity: str
    starts_at: datetime
    value: float | None = None
    n: int | None = None
    opens: str | None = None
    case: str | None = None
    clock: str | None = None
    cycle: int | None = None
    generation: int | None = None
    """Of the clock: what ends an older generation says nothing of this one."""
    clock_state: str | None = None
    ends_at: datetime | None = None
    reason: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    sequence: int = 0
    traceparent: str | None = None
    """The trace of what fired it, where that one is recorded."""

    @property
    def fingerprint(self) -> str:
        """The same for alerts with the same labels; the tenant is beside it, never in it."""
        return fingerprint(self.labels)

    @property
    def family(self) -> str:
        """The same for the severities of one rule over one series."""
        return fingerprint({name: value for name, value in self.labels.items() if name != "severity"})

    @property
    def rank(self) -> int:
        """How severe."""
        return RANKS[self.severity]

    @property
    def firing(self) -> bool:
        """Whether it has not ended."""
        return self.ends_at is None


def fingerprint(labels: Mapping[str, str]) -> str:
    """16 hexadecimal digits of the full label set."""
    return hashlib.blake2b(msgspec.json.encode(sorted(labels.items())), digest_size=8).hexdigest()


def named(*parts: object) -> uuid.UUID:
    """A UUID that these parts always give."""
    return uuid.UUID(bytes=hashlib.blake2b(msgspec.json.encode([str(part) for part in parts]), digest_size=16).digest())


def metric_alert_id(tenant: str, rule: str, series: str, severity: str, started_at: datetime) -> uuid.UUID:
    """The same however often the samples are read: it follows from the data's instant."""
    return named("metric", tenant, rule, series, severity, started_at.isoformat())


def metric_alert(
    tenant: str, rule: MetricRule, version: int, level: Level, *, series: str, slice: Mapping[str, str], started_at: datetime,
    value: float | None, n: int | None,
) -> Alert:  # fmt: skip
    """The alert of one severity of a metric rule over one series."""
    labels = _labels(
        {**rule.labels, **slice, "alertname": rule.rule, "source": "metric", "metric": rule.metric, "severity": level.severity}
    )
    values = {"value": value, "n": n, "threshold": level.threshold, "rule": rule.rule}
    return Alert(
        id=metric_alert_id(tenant, rule.rule, series, level.severity, started_at),
        tenant=tenant,
        labels=labels,
        annotations=rendered(rule.annotations, values, labels),
        source="metric",
        rule=rule.rule,
        rule_version=version,
        severity=level.severity,
        starts_at=started_at,
        value=value,
        n=n,
        opens=rule.opens,
    )


def behind_alert(tenant: str, at: datetime) -> Alert:
    """The one alert of a tenant that says: the numbers are late, and until they are not, no metric rule says anything."""
    return Alert(
        id=named(BEHIND, tenant, at.isoformat()),
        tenant=tenant,
        labels=BEHIND_LABELS,
        annotations={"summary": "scoring is behind: numbers are late, and no metric rule changes its state until they are not"},
        source="metric",
        rule=None,
        rule_version=None,
        severity="critical",
        starts_at=at,
    )


@dataclass(frozen=True, slots=True)
class ClockFact:
    """What a rule reads of a clock event, with what is known of its case."""

    tenant: str
    type: str
    case: str
    clock: str
    kind: str
    cycle: int
    generation: int
    at: datetime
    due_at: datetime | None = None
    percent: int | None = None
    breached_at: datetime | None = None
    team: str | None = None
    category: str | None = None
    case_severity: str | None = None
    traceparent: str | None = None


def clock_alert(rule: ClockRule, version: int, fact: ClockFact) -> Alert:
    """The alert of one warning or breach of one clock; each (clock, cycle, generation, percent) has its own id."""
    labels = _labels(
        {
            **rule.labels,
            "alertname": rule.rule,
            "source": "clock",
            "kind": fact.kind,
            "state": rule.state,
            "severity": rule.severity_name,
            "case": fact.case,
            "clock": fact.clock,
            "percent": str(fact.percent or "") if rule.state == "warning" else "",
            "team": rule.labels.get("team") or fact.team or "",
            "category": rule.labels.get("category") or fact.category or "",
            "case_severity": fact.case_severity or "",
        }
    )
    due = fact.due_at.isoformat() if fact.due_at else None
    return Alert(
        id=named("clock", fact.tenant, rule.rule, fact.clock, fact.cycle, fact.generation, rule.state, fact.percent),
        tenant=fact.tenant,
        labels=labels,
        annotations=rendered(rule.annotations, {"rule": rule.rule}, labels) | ({"due_at": due} if due else {}),
        source="clock",
        rule=rule.rule,
        rule_version=version,
        severity=rule.severity_name,
        starts_at=fact.breached_at if rule.state == "breached" and fact.breached_at else fact.at,
        case=fact.case,
        clock=fact.clock,
        cycle=fact.cycle,
        generation=fact.generation,
        clock_state=rule.state,
        traceparent=fact.traceparent,
    )


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in sorted(labels.items()) if value}
