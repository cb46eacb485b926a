"""Tenants, people, keys and sessions as ingest announces them. A revocation is a record with `revoked_at`, never a tombstone."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.fields import Country, Currency, Email, Id, Instant, Language, Money, Name, Phone, Record, Sha256, Tenant, Term, Zone

Scope = Literal[
    "ingest:write",
    "ingest:backfill",
    "metrics:read",
    "customers:read",
    "customers:erase",
    "cases:read",
    "cases:write",
    "cases:approve",
    "alerts:read",
    "alerts:write",
    "admin",
    "operator",
]
Names = Annotated[tuple[Name, ...], Field(max_length=256)]
Scopes = Annotated[tuple[Scope, ...], Field(max_length=64)]


class TenantRecord(Record):
    """A tenant and its settings. The tenant named in the envelope is this one.

    `country` is where its phone numbers are when they have no country code. `redaction` takes personal data out of free text: the kinds in
    `redacted` (none named: all), with the national ids of `national_ids` beside those that every text is searched for. `pseudonyms`
    replaces addresses and numbers of customers; with `survey_addresses` they travel and are kept sealed, for surveys alone.
    """

    tenant: Tenant
    name: Name
    zone: Zone = "UTC"
    languages: Annotated[tuple[Language, ...], Field(max_length=64)] = ("en",)
    country: Country | None = None
    redaction: bool = False
    redacted: Annotated[tuple[Term, ...], Field(max_length=64)] = ()
    national_ids: Annotated[tuple[Country, ...], Field(max_length=256)] = ()
    pseudonyms: bool = False
    survey_addresses: bool = False
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    created_at: Instant
    revoked_at: Instant | None = None


class PersonRecord(Record):
    """A person who works with the product; `subject` is the OpenID Connect subject. The limit is what they may grant in one case."""

    person: Id
    subject: Name | None = None
    name: Name
    email: Email | None = None
    phone: Phone | None = None
    language: Language | None = None
    zone: Zone | None = None
    teams: Names = ()
    skills: Names = ()
    roles: Names = ()
    compensation_limit: Money | None = None
    compensation_currency: Currency | None = None
    created_at: Instant
    revoked_at: Instant | None = None


class KeyRecord(Record):
    """An API key. Only the SHA-256 of the whole key is known; `act_as` lets it name an acting person in `Hearback-Actor`."""

    key: Id
    sha256: Sha256
    name: Name | None = None
    scopes: Scopes
    act_as: bool = False
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None


class SessionRecord(Record):
    """A person's session, so that its end holds in every service within seconds."""

    session: Id
    person: Id
    sha256: Sha256
    created_at: Instant
    expires_at: Instant
    revoked_at: Instant | None = None
