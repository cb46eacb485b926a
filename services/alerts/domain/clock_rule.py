"""What clock events do to alerts: which of them fire a rule, which of them end what fired."""

from services.alerts.domain.alert import ClockFact
from services.alerts.domain.rule import ClockRule

FIRES = {"clock.warned.v1": "warning", "clock.breached.v1": "breached"}
ENDS = {"clock.met.v1": "met", "clock.cancelled.v1": "cancelled", "clock.retracted.v1": "retracted"}
"""Each ends the warnings and breaches of its clock, with this reason."""
PAUSED = "clock.paused.v1"
CASE_ENDS = {
    "case.closed.v1": "case_closed",
    "case.withdrawn.v1": "case_withdrawn",
    "case.erased.v1": "case_erased",
}
ENDED_STATES = {"closed": "case_closed", "withdrawn": "case_withdrawn", "duplicate_of": "case_duplicate", "rejected": "case_rejected"}
"""A case in one of these has no clock left that anybody could stop."""


def fires(rule: ClockRule, fact: ClockFact) -> bool:
    """Whether this event of a clock fires this rule."""
    return FIRES.get(fact.type) == rule.state and rule.kind in (None, fact.kind)


def ends(fact: ClockFact) -> tuple[str, frozenset[str]] | None:
    """Why and which states of its clock's alerts this event ends; None when none.

    A pause before the due ends warnings only: a breached clock stays breached while it is paused.
    """
    if fact.type in ENDS:
        return ENDS[fact.type], frozenset(FIRES.values())
    if fact.type == PAUSED and fact.breached_at is None:
        return "paused", frozenset({"warning"})
    return None


def case_end(type: str, state: str) -> str | None:
    """Why all alerts of a case end with this event, None when they do not."""
    return CASE_ENDS.get(type) or ENDED_STATES.get(state)
