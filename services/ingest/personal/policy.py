"""What happens to the personal data of one tenant's events: always normalised, and redacted and pseudonymised as the tenant wants it."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from services.ingest.personal.emails import is_email, normal_email
from services.ingest.personal.phones import to_e164
from services.ingest.personal.pseudonyms import Pseudonyms
from services.ingest.personal.redaction import KINDS, Redactor
from services.ingest.personal.sealing import Sealer
from services.ingest.personal.urls import redacted_url
from shared.contracts.access import TenantRecord
from shared.contracts.decoding import Submitted
from shared.contracts.fields import EMAIL_LENGTH, NAME_LENGTH, TEXT_LENGTH, VALUE_LENGTH
from shared.errors import Unavailable

FREE_TEXTS = ("text", "comment", "remedy_sought", "reason", "next_step", "transcript_excerpt")
"""Fields of `data` that hold whatever somebody typed, beside answers, tags and attributes."""
IDS = ("thread", "interaction_id", "reply_to", "referred_customer")
"""Fields of `data` that may be made of the customer's address or number; a messenger's thread often is."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class Policy:
    """One tenant's. `region` is the country (ISO 3166) whose phone numbers are meant where none is named."""

    def __init__(
        self, region: str | None = None, redactor: Redactor | None = None, pseudonyms: Pseudonyms | None = None,
        sealer: Sealer | None = None,
    ) -> None:  # fmt: skip
        self._region = region
        self._sealer = sealer
        self._redactor = redactor
        self._pseudonyms = pseudonyms
        self.touches_all = redactor is not None or pseudonyms is not None
        """Whether events without an address or number have to pass here too."""

    def sealed(self, event: Submitted, region: str | None) -> bytes | None:
        """The customer's addresses as surveys may know them, of an event as it came in; None where nobody is to know them."""
        if self._sealer is None or not event.has_contact:
            return None
        customer = _decode(event.data)["customer"]
        _normalise(customer, region or self._region)
        return self._sealer.seal({kind: customer.get(kind) for kind in ("email", "phone")})

    def redacted(self, text: str) -> str:
        """What somebody typed, as it may be kept."""
        return text if self._redactor is None else self._redactor.redact(text)

    def applied(self, event: Submitted, region: str | None) -> Submitted:
        """The event as it may go on. `region` is that of the way in, where it has one of its own."""
        data = _decode(event.data)
        customer = data.get("customer") or {}
        _normalise(customer, region or self._region)
        id, subject, extensions = event.id, event.subject, event.extensions
        if self._pseudonyms is not None:
            hidden, phone = self._pseudonyms.id, customer.get("phone")
            id, subject = id and hidden(id, phone), subject and hidden(subject, phone)
            _hide(data, customer, self._pseudonyms)
        if self._redactor is not None:
            redact = self._redactor.redact
            _redact(data, customer, redact)
            subject = subject and redact(subject)[:NAME_LENGTH]
            extensions = {
                name: redact(value)[:VALUE_LENGTH] if isinstance(value, str) else value for name, value in event.extensions.items()
            }
        return msgspec.structs.replace(
            event, id=id, data=_encode(data), customer_id=customer.get("id"), subject=subject, extensions=extensions
        )


def _normalise(customer: dict[str, Any], region: str | None) -> None:
    """What is no address or number after all stays as it was sent."""
    if customer.get("email") is not None:
        email = normal_email(customer["email"])
        customer["email"] = email if is_email(email) and len(email) <= EMAIL_LENGTH else customer["email"]
    if customer.get("phone") is not None:
        customer["phone"] = to_e164(customer["phone"], region)


def _hide(data: dict[str, Any], customer: dict[str, Any], pseudonyms: Pseudonyms) -> None:
    """Names beside a pseudonym would give it away, so they go."""
    data.pop("author", None)
    customer.pop("name", None)
    phone = customer.get("phone")
    for holder, fields in ((customer, ("id",)), (data, IDS)):
        for field in fields:
            if holder.get(field) is not None:
                holder[field] = pseudonyms.id(holder[field], phone)
    for field, hidden in (("email", pseudonyms.email), ("phone", pseudonyms.phone)):
        if customer.get(field) is not None:
            customer[field] = hidden(customer[field])


def _redact(data: dict[str, Any], customer: dict[str, Any], redact: Callable[[str], str]) -> None:
    for answer in data.get("answers") or ():
        _redact_fields(answer, ("text",), redact, TEXT_LENGTH)
        _redact_fields(answer, ("choice",), redact, NAME_LENGTH)
    _redact_fields(data, FREE_TEXTS, redact, TEXT_LENGTH)
    _redact_fields(data, ("url",), lambda url: redacted_url(url, redact), VALUE_LENGTH)
    tags, attributes = data.get("tags") or {}, customer.get("attributes") or {}
    _redact_fields(tags, tags, redact, NAME_LENGTH)
    _redact_fields(attributes, attributes, redact, VALUE_LENGTH)


def _redact_fields(holder: dict[str, Any], fields: Mapping[str, Any] | tuple[str, ...], redact: Callable[[str], str], longest: int) -> None:
    for field in fields:
        value = holder.get(field)
        if isinstance(value, str):
            holder[field] = redact(value)[:longest]


class Policies:
    """The policies of all tenants, as their records say at this moment. `tenants` is the process's own copy of them, which changes.

    `redacted` is told of every mark that is made, by its kind.
    """

    def __init__(self, tenants: Mapping[str, TenantRecord], master: bytes | None, redacted: Callable[[str], None] = lambda _: None) -> None:
        self._tenants = tenants
        self._master = master
        self._redacted = redacted
        self._made: dict[str, tuple[TenantRecord, Policy]] = {}

    def of(self, tenant: str) -> Policy:
        """A tenant's policy. Raises Unavailable when pseudonyms are wanted and there is no key to make them with."""
        settings = self._tenants.get(tenant)
        if settings is None:
            return _DEFAULT
        made = self._made.get(tenant)
        if made is None or made[0] is not settings:
            made = self._made[tenant] = (settings, self._make(settings))
        return made[1]

    def _make(self, settings: TenantRecord) -> Policy:
        region = settings.country
        kinds = settings.redacted or KINDS
        redactor = Redactor(kinds, settings.national_ids, region, self._redacted) if settings.redaction else None
        if not settings.pseudonyms:
            return Policy(region, redactor)
        if self._master is None:
            raise Unavailable("pseudonyms", "this tenant wants pseudonyms: set HEARBACK_INGEST_PSEUDONYMS_KEY")
        sealer = Sealer(self._master, settings.tenant) if settings.survey_addresses else None
        return Policy(region, redactor, Pseudonyms(self._master, settings.tenant), sealer)


_DEFAULT = Policy()
NO_POLICIES = Policies({}, None)
"""Where no tenant wants anything."""
