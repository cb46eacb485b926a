"""What a receiver is told of a group: Alertmanager's webhook body (version 4), or a mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import msgspec

from services.alerts.domain.alert import Alert
from shared.delivery.mail import Mail

NEVER = "0001-01-01T00:00:00Z"
"""How Alertmanager writes the end of what has not ended."""


@dataclass(frozen=True, slots=True)
class Notification:
    """The state of a group for one receiver; `left_out` counts alerts that did not fit in."""

    tenant: str
    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    alerts: Sequence[Alert]
    left_out: int
    external_url: str

    @property
    def status(self) -> str:
        """Firing while any alert is."""
        return "firing" if any(alert.firing for alert in self.alerts) else "resolved"


def webhook_body(notification: Notification) -> bytes:
    """https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, and each alert's `id` and `reason` beside."""
    alerts = notification.alerts
    body = {
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": notification.left_out,
        "status": notification.status,
        "receiver": notification.receiver,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": _common([alert.labels for alert in alerts]),
        "commonAnnotations": _common([alert.annotations for alert in alerts]),
        "externalURL": notification.external_url,
        "alerts": [_alert(alert, notification.external_url) for alert in alerts],
    }
    return msgspec.json.encode(body)


def mail(notification: Notification) -> Mail:
    """A subject that stays the same for the group but for its state, a text, and the same as HTML."""
    firing = [alert for alert in notification.alerts if alert.firing]
    resolved = [alert for alert in notification.alerts if not alert.firing]
    state = f"FIRING: {len(firing)}" if firing else "RESOLVED"
    about = ", ".join(notification.group_labels.values()) or notification.receiver
    lines = [line for alert in (*firing, *resolved) for line in (*_lines(alert), "")]
    if notification.left_out:
        lines.append(f"{notification.left_out} more are not listed here.")
    lines.append(f"{notification.external_url}/v1/alerts")
    parts = [_section("Firing", firing), _section("Resolved", resolved)]
    html = f"<!doctype html><html><body>{''.join(parts)}<p>{escape(notification.external_url)}/v1/alerts</p></body></html>"
    return Mail(f"[{state}] {about}", "\n".join(lines), html)


def _section(title: str, alerts: Sequence[Alert]) -> str:
    if not alerts:
        return ""
    items = "".join(f"<li>{'<br>'.join(escape(line) for line in _lines(alert))}</li>" for alert in alerts)
    return f"<h3>{title} ({len(alerts)})</h3><ul>{items}</ul>"


def _lines(alert: Alert) -> list[str]:
    title = alert.annotations.get("summary") or alert.labels["alertname"]
    labels = ", ".join(f"{name}={value}" for name, value in alert.labels.items())
    ended = f", ended {_instant(alert.ends_at)} ({alert.reason})" if alert.ends_at else ""
    return [f"{alert.severity.upper()}: {title}", f"since {_instant(alert.starts_at)}{ended}", labels]


def _alert(alert: Alert, external_url: str) -> dict[str, Any]:
    return {
        "status": "firing" if alert.firing else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _instant(alert.starts_at),
        "endsAt": _instant(alert.ends_at) if alert.ends_at else NEVER,
        "generatorURL": f"{external_url}/v1/rules/{alert.rule}" if alert.rule else external_url,
        "fingerprint": alert.fingerprint,
        "id": str(alert.id),
        "reason": alert.reason,
    }


def _common(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say alike."""
    first, *rest = maps or ({},)
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.isoformat().replace("+00:00", "Z")
