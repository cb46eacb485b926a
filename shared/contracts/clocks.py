"""What happens to the clocks of a case. Each of (clock, cycle, generation, type) is announced once."""

from typing import Annotated

from pydantic import Field

from shared.contracts.fields import Count, Id, Instant, OptionalText, Record, Revision, Term, Versioned

Percent = Annotated[int, Field(ge=1, le=1000)]


class ClockEvent(Record):
    """One clock of one case, under the versions of the policy and the calendar named here.

    `version` is the case's. `due_at` is None for a clock without a deadline, or while a pause moves it; `percent` belongs to a warning.
    """

    case: Id
    version: Revision
    clock: Id
    kind: Term
    cycle: Count
    generation: Count
    due_at: Instant | None = None
    percent: Percent | None = None
    breached_at: Instant | None = None
    policy: Versioned | None = None
    calendar: Versioned | None = None
    reason: OptionalText | None = None
