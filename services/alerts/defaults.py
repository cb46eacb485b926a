"""What every tenant is given when it is met first; each may be changed or deleted like the tenant's own.

The route names a receiver `default`, which a tenant has to make: until then alerts are only listed.
"""

from typing import Any

RULES: tuple[dict[str, Any], ...] = (
    {
        "rule": "clock-breached",
        "source": "clock",
        "state": "breached",
        "severity": "critical",
        "annotations": {"summary": "The {{ labels.kind }} clock of case {{ labels.case }} is breached"},
    },
    {
        "rule": "csat-low",
        "metric": "csat",
        "window": "1h",
        "condition": {"below": 0.70, "recover": 0.75},
        "min_samples": 30,
        "for": "5m",
        "severity": "warning",
        "annotations": {"summary": "Only {{ value }} of {{ n }} answers of the last hour are satisfied, less than {{ threshold }}"},
    },
    {
        "rule": "nps-negative",
        "metric": "nps",
        "window": "24h",
        "condition": {"below": 0, "recover": 5},
        "min_samples": 30,
        "for": "15m",
        "severity": "warning",
        "annotations": {"summary": "NPS of the last 24 hours is {{ value }} ({{ n }} answers): more detractors than promoters"},
    },
)

ROUTE: dict[str, Any] = {
    "receiver": "default",
    "group_by": ["alertname"],
    "group_wait": "30s",
    "group_interval": "5m",
    "repeat_interval": "4h",
    "routes": [
        {"matchers": ['source="clock"'], "group_by": ["kind", "team"], "group_wait": "0s", "group_interval": "5s"},
    ],
}
