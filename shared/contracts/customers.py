"""The customer as an event names them, what customers do, and how scoring's directory changes."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.fields import Currency, Id, Money, Name, OptionalText, Record
from shared.contracts.occurrence import Occurrence


class CustomerPurchased(Occurrence):
    """Bought something. `period` is what the payment covers, as the sender names it (P1M, 2026-Q1)."""

    amount: Money | None = None
    currency: Currency | None = None
    period: Name | None = None
    category: Name | None = None
    referred_customer: Id | None = None


class CustomerRenewed(CustomerPurchased):
    """Renewed a contract."""


class CustomerChurned(CustomerPurchased):
    """Left; `amount` is what is lost in `period`."""


class CustomerReferred(CustomerPurchased):
    """Brought `referred_customer`."""


class Identity(Record):
    """One way a person is known: unique by tenant, kind, source system and value."""

    kind: Literal["id", "email", "phone"]
    source: Name
    value: Name


class DirectoryChange(Record):
    """Identities were joined, parted or erased. `customer` is the directory's id of the person that remains."""

    customer: Id
    members: Annotated[tuple[Identity, ...], Field(max_length=1000)] = ()
    reason: OptionalText | None = None
    actor: Name | None = None
