"""How closed_loop asks ingest to survey a customer, or no longer to."""

from typing import Annotated

from pydantic import Field

from shared.contracts.fields import Id, Instant, Language, OptionalText, Record
from shared.contracts.occurrence import Customer


class SurveyRequested(Record):
    """Ask this customer, not before and not after; `request` becomes the invitation's id. `reminders` is how many may follow."""

    request: Id
    case: Id | None = None
    survey: Id
    customer: Customer
    language: Language | None = None
    not_before: Instant | None = None
    expires: Instant | None = None
    reminders: Annotated[int, Field(ge=0, le=10)] = 0


class SurveyCancelled(Record):
    """Do not ask any more; an invitation already sent is left alone."""

    request: Id
    case: Id | None = None
    survey: Id | None = None
    reason: OptionalText | None = None
