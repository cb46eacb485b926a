"""What passed between the company and a customer: contacts, replies given in other systems, messages that did not arrive."""

from typing import Any, ClassVar, Literal

from shared.contracts.fields import BrokenRule, Count, Currency, Id, Instant, Money, Name, OptionalText, Rule, Seconds
from shared.contracts.occurrence import Occurrence


def names_what_failed(failure: Any) -> None:
    """A message that did not arrive belongs to a case or to an invitation, or nobody can act on it."""
    if failure.case is None and failure.invitation is None:
        raise BrokenRule("case", "or invitation is required: the message that did not arrive belongs to one of them")


class InteractionReplied(Occurrence):
    """Somebody answered the customer in another system. Only a public human reply with its next step meets a response clock."""

    by: Literal["human", "bot"]
    public: bool
    person: Name | None = None
    text: OptionalText | None = None
    thread: Id | None = None
    case: Id | None = None
    next_step: OptionalText | None = None
    promised_at: Instant | None = None


class InteractionCompleted(Occurrence):
    """A contact has ended: how long it took, who handled it, whether it was settled at once."""

    direction: Literal["inbound", "outbound"] | None = None
    category: Name | None = None
    wait_seconds: Seconds | None = None
    first_response_seconds: Seconds | None = None
    handle_seconds: Seconds | None = None
    abandoned: bool | None = None
    transfers: Count | None = None
    handled_by: Literal["human", "bot", "self_service"] | None = None
    handed_over: bool | None = None
    resolved_on_first_contact: bool | None = None
    disposition: Name | None = None
    cost: Money | None = None
    currency: Currency | None = None
    transcript_excerpt: OptionalText | None = None


class MessageDeliveryFailed(Occurrence):
    """A message of ours did not reach the customer. The address itself is never sent, only its hash."""

    rules: ClassVar[tuple[Rule, ...]] = (names_what_failed,)

    case: Id | None = None
    invitation: Id | None = None
    address_hash: Name | None = None
    reason: OptionalText | None = None
    permanent: bool | None = None
