"""By what a person is known: keys that hold no address, so that an opt-out outlives the address, and how to reach them."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.ingest.personal.pseudonyms import is_pseudonym
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.questions import LANGUAGES, Lang

OPENID = "wechat_openid"
"""The customer attribute that holds the openid of the tenant's official account."""


class Contact(BaseModel):
    """How a customer is reached; what an event said of them last."""

    model_config = ConfigDict(frozen=True)

    customer: str | None = None
    email: str | None = None
    phone: str | None = None
    openid: str | None = None
    name: str | None = None
    zone: str | None = None
    language: str | None = None
    preferred: str | None = None

    @property
    def keys(self) -> list[str]:
        """Every key of this person, the one that they are counted by first."""
        return keys_of((("id", self.customer), ("email", self.email), ("phone", self.phone)))


def keys_of(identities: Iterable[tuple[str, str | None]]) -> list[str]:
    """The keys of (kind, value): an e-mail address in any case, and a phone number in any spelling, is one and the same."""
    spelled: dict[str, Callable[[str], str]] = {"id": str, "email": lambda value: value.strip().casefold(), "phone": _digits}
    named = ((kind, spelled[kind](value)) for kind, value in identities if value)
    return [sha256(f"{kind}:{value}".encode()).hexdigest() for kind, value in named if value]


def contact_of(customer: Any, language: str | None = None) -> Contact:
    """From the `customer` of an event."""
    openid = customer.attributes.get(OPENID)
    return Contact(
        customer=customer.id,
        email=customer.email,
        phone=customer.phone,
        openid=openid if isinstance(openid, str) else None,
        name=customer.name,
        zone=customer.zone,
        language=language,
        preferred=customer.preferred_channel,
    )


def address_of(contact: Contact, way: Way) -> str | None:
    """Where a message goes; a link is given out by hand and goes nowhere, and a pseudonym is no address."""
    addresses: dict[Way, str | None] = {"email": contact.email, "sms": contact.phone, "wechat": contact.openid, "call": contact.phone}
    address = addresses.get(way)
    return None if address is None or is_pseudonym(address) else address


def way_for(contact: Contact, ways: Sequence[Way], possible: frozenset[Way]) -> Way | None:
    """How to reach this person: their preferred channel, else the first of the survey's that works; None when none does."""
    preferred = {"email": "email", "sms": "sms", "messaging": "wechat", "phone": "call"}.get(contact.preferred or "")
    usable = [way for way in ways if way in possible and address_of(contact, way)]
    return next((way for way in usable if way == preferred), usable[0] if usable else None)


def language_for(wanted: str | None, spoken: Sequence[Lang]) -> Lang:
    """The language of the page: Chinese of any kind is 简体中文, where the survey speaks it."""
    tag = (wanted or "").replace("_", "-").lower()
    for language in LANGUAGES:
        if language in spoken and tag.split("-")[0] == language.split("-")[0]:
            return language
    return spoken[0]


def _digits(phone: str) -> str:
    return "".join(c for c in phone if c.isdecimal())
