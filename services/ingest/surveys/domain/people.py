"""By what a person is known: keys that hold no address, so that an opt-out outlives the address, and how to reach them."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.ingest.personal.pseudonyms import is_pseudonym
from services.ingest.surveys.domain.definition import GIVEN_OUT, Way
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
    segment: str | None = None
    aliases: tuple[str, ...] = ()
    """Keys under which the same person is known where the tenant has pseudonyms."""

    @property
    def keys(self) -> list[str]:
        """Every key of this person, the one that they are counted by first."""
        follower = None if self.openid is None else f"wechat:{self.openid}"  # as the channel names who writes from there
        named = keys_of((("id", self.customer), ("email", self.email), ("phone", self.phone), ("id", follower)))
        return list(dict.fromkeys((*named, *self.aliases)))


def keys_of(identities: Iterable[tuple[str, str | None]]) -> list[str]:
    """The keys of (kind, value): an e-mail address in any case, and a phone number in any spelling, is one and the same."""
    spelled: dict[str, Callable[[str], str]] = {"id": str, "email": lambda value: value.strip().casefold(), "phone": _digits}
    named = dict.fromkeys((kind, spelled[kind](value)) for kind, value in identities if value)
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
        segment=customer.segment,
    )


def address_of(contact: Contact, way: Way) -> str | None:
    """Where a message goes; a link is given out by hand and goes nowhere, and a pseudonym is no address."""
    addresses: dict[Way, str | None] = {"email": contact.email, "sms": contact.phone, "wechat": contact.openid, "call": contact.phone}
    address = addresses.get(way)
    return None if address is None or is_pseudonym(address) else address


def address_hash(address: str) -> str:
    """What stands for an address in `message.delivery_failed`: SHA-256 of it in lower case."""
    return sha256(address.strip().lower().encode()).hexdigest()


def way_for(contact: Contact, ways: Sequence[Way], possible: frozenset[Way]) -> Way | None:
    """How to reach this person, who can be reached by those `possible`: their preferred channel, else the survey's first; None for none."""
    preferred = {"email": "email", "sms": "sms", "messaging": "wechat", "phone": "call"}.get(contact.preferred or "")
    usable = [way for way in ways if way in possible and way not in GIVEN_OUT]
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
