"""What people may command on a case, each with exactly what it needs."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from services.closed_loop.domain.documents import Body, TargetBody
from services.closed_loop.domain.policy import ClockKind
from shared.contracts.fields import Instant, Name, Term, Text


class Acknowledge(Body):
    """The customer was told that the case exists."""

    text: Text | None = None


class Respond(Body):
    """A person answered the customer, naming the next step and when it will have been taken."""

    text: Text
    next_step: Text
    promised_at: Instant


class Resolve(Body):
    """What was decided, and how the customer was told."""

    outcome: Text
    inform_text: Text


class Close(Body):
    """Nothing is missing any more."""

    note: Text | None = None


class Assign(Body):
    """Who has the case now; what is left out stays as it is."""

    owner: Name | None = None
    team: Name | None = None

    @model_validator(mode="after")
    def somebody(self) -> Self:
        """Refuse an assignment to nobody."""
        if self.owner is None and self.team is None:
            raise ValueError("give owner, team, or both")
        return self


class Pause(Body):
    """Nothing can go on until something outside happens; the pause ends by itself at `until`."""

    reason: Annotated[Term, Field(description="a code", examples=["waiting_on_customer"])]
    until: Instant


class Resume(Body):
    """It can go on."""

    note: Text | None = None


class Retarget(TargetBody):
    """Another target for one clock, or none: without any of the four the clock has no deadline any more."""

    clock: ClockKind
    reason: Text


class Reopen(Body):
    """The customer is not content, or something was overlooked."""

    reason: Text


class Withdraw(Body):
    """There is no complaint any more."""

    reason: Text


class Note(Body):
    """Something to remember; the customer does not see it."""

    text: Text


Command = Acknowledge | Respond | Resolve | Close | Assign | Pause | Resume | Retarget | Reopen | Withdraw | Note
