"""What happens to an alert, and what a contingency plan's spokesperson released."""

from typing import Literal

from shared.contracts.fields import Count, Id, Instant, Labels, Name, OptionalText, Record, Versioned


class AlertEvent(Record):
    """One alert: its identity is the tenant and the full label set. `value` and `n` are the sample that decided.

    An alert that carries a `case` never opens one, and `opens` is refused on rules whose source is a clock: so no loop can close.
    """

    alert: Id
    rule: Versioned | None = None
    labels: Labels
    severity: Name | None = None
    source: Literal["metric", "clock", "external"]
    value: float | None = None
    n: Count | None = None
    starts_at: Instant
    ends_at: Instant | None = None
    reason: OptionalText | None = None
    opens: Literal["intervention"] | None = None
    case: Id | None = None
    plan: Id | None = None
    actor: Name | None = None
