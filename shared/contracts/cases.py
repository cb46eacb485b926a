"""What happens to a case. These topics are kept 90 days, so they carry the customer's id and nothing else about the person."""

from typing import Literal

from shared.contracts.fields import Id, Instant, Name, OptionalText, Origin, Record, Revision, Severity

CaseState = Literal[
    "received",
    "acknowledged",
    "investigating",
    "planned",
    "resolved",
    "following_up",
    "closed",
    "reopened",
    "withdrawn",
    "duplicate_of",
    "rejected",
]


class CaseEvent(Record):
    """The case as it stands after the event that the type names; `version` is +1 with each of them.

    `actor` is the person or the part of the product that did it, `cause` why.
    """

    case: Id
    version: Revision
    origin: Origin | None = None
    customer: Id | None = None
    category: Name | None = None
    severity: Severity | None = None
    state: CaseState
    team: Name | None = None
    owner: Name | None = None
    received_at: Instant
    actor: Name | None = None
    cause: OptionalText | None = None
