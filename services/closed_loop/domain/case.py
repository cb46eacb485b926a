"""A case: what it is, where it stands, and what it still needs before it may close. Stages follow ISO 10002."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.domain.policy import CaseKind, Milestone
from shared.contracts.cases import CaseState
from shared.contracts.fields import Severity
from shared.contracts.identity import event_hash

OPEN: Final[tuple[CaseState, ...]] = ("received", "acknowledged", "investigating", "planned", "resolved", "following_up", "reopened")
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "normal", "high", "critical")
"""From the lowest to the highest."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a tenant, unique by the event that it comes from.

    `version` goes up with every change by a command or an event, `sequence` with every event that is announced about the case or its
    clocks. A `silent` case comes from history: its clocks are computed, but it has no timers and announces neither warnings nor breaches
    until a person's first command on it.
    """

    tenant: str
    id: str
    origin_source: str
    origin_id: str
    kind: CaseKind
    state: CaseState
    version: int
    sequence: int
    backfill: bool
    silent: bool
    customer: str | None
    channel: str
    category: str | None
    severity: Severity
    segment: str | None
    product: str | None
    region: str | None
    language: str | None
    team: str | None
    owner: str | None
    received_at: datetime
    opened_at: datetime
    policy: str
    policy_version: int
    closes_with: Sequence[Milestone]
    acknowledged_at: datetime | None = None
    responded_at: datetime | None = None
    informed_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    next_step: str | None = None
    promised_at: datetime | None = None
    outcome: str | None = None
    pause_reason: str | None = None
    paused_until: datetime | None = None
    withdrawal_offered_at: datetime | None = None
    traceparent: str | None = None
    """The trace of the event that opened it, where that one is recorded: what its clocks do later belongs to it."""

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done."""
        return self.state in OPEN

    @property
    def missing(self) -> tuple[Milestone, ...]:
        """What the policy asks for and has not happened, in the policy's order."""
        reached = {"acknowledged": self.acknowledged_at, "responded": self.responded_at, "informed": self.informed_at}
        return tuple(milestone for milestone in self.closes_with if reached[milestone] is None)

    def paused(self, now: datetime) -> bool:
        """Whether a pause holds at `now`; it ends by itself at its limit."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with all its clocks."""

    case: Case
    clocks: tuple[CaseClock, ...]


def case_id(tenant: str, source: str, id: str) -> str:
    """The id of the one case that an event of a tenant may have; a tenant's name holds no colon, so no two tenants share one."""
    return str(event_hash(f"{tenant}:{source}", id))


def clock_id(case: str, kind: str) -> str:
    """The id of a case's clock of one kind."""
    return str(event_hash(case, kind))
