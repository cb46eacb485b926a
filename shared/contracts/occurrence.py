"""The common part of every `data` that ingest sends: where it happened, to whom, and which revision of it this is."""

from typing import Annotated

from pydantic import Field

from shared.contracts.fields import (
    Attributes,
    Channel,
    Email,
    Id,
    Instant,
    Key,
    Language,
    Money,
    Name,
    Phone,
    Record,
    Revision,
    Tags,
    Zone,
)

Consents = Annotated[dict[Key, Instant], Field(max_length=64)]
"""Purpose → when the customer agreed to it."""


class Customer(Record):
    """The person as the sender knows them. Without `id` the event is anonymous until scoring matches it."""

    id: Id | None = None
    email: Email | None = None
    email_verified: bool | None = None
    phone: Phone | None = None
    phone_verified: bool | None = None
    name: Name | None = None
    zone: Zone | None = None
    segment: Name | None = None
    tier: Name | None = None
    lifetime_value: Money | None = None
    preferred_channel: Channel | None = None
    consents: Consents = Field(default_factory=dict)
    attributes: Attributes = Field(default_factory=dict)


class Occurrence(Record):
    """What happened to a customer. A higher `revision` of the same event replaces what the lower one did.

    `journey_stage` is one of awareness, consideration, purchase, use, renewal, advocacy, support, or the tenant's own.
    """

    channel: Channel
    customer: Customer | None = None
    touchpoint: Name | None = None
    journey_stage: Name | None = None
    product: Name | None = None
    region: Name | None = None
    team: Name | None = None
    agent: Name | None = None
    interaction_id: Id | None = None
    language: Language | None = None
    tags: Tags = Field(default_factory=dict)
    revision: Revision = 1
