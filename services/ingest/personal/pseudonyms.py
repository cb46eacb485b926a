"""Pseudonyms: an address or number becomes a text that is the same for the same person of one tenant, and tells nothing else.

HMAC-SHA256 of the normalised value under a key of the tenant's own, which follows from one master key: nobody without it can try out
addresses, and the same person has another pseudonym with another tenant.
"""

import hashlib
import hmac
import re

from services.ingest.personal.emails import normal_email
from shared.contracts.fields import NAME_LENGTH

DOMAIN = "pseudonym.invalid"
"""A domain that never exists (RFC 2606), so that no mail to a pseudonym ever goes out."""
PHONE_PREFIX = "pseudonym:"
_HEX_DIGITS = 40
"""160 of the 256 bits."""
_ADDRESS_IN_ID = re.compile(r"""[^\s:/|,;<>()"']+@[^\s:/|,;<>()"'@]+""")
_NUMBER_IN_ID = re.compile(r"\+[1-9][0-9]{6,14}(?![0-9])")


def is_pseudonym(address: str) -> bool:
    """Whether an e-mail address or phone number is one of ours, so that nothing can be sent to it."""
    return address.endswith(f"@{DOMAIN}") or address.startswith(PHONE_PREFIX)


class Pseudonyms:
    """The pseudonyms of one tenant. What already is one stays as it is."""

    def __init__(self, master: bytes, tenant: str) -> None:
        self._key = hmac.digest(master, b"hearback pseudonyms of " + tenant.encode(), hashlib.sha256)

    def email(self, email: str) -> str:
        """For a normalised address."""
        return email if email.endswith(f"@{DOMAIN}") else f"{self._of('email', email)}@{DOMAIN}"

    def phone(self, phone: str) -> str:
        """For a number in E.164."""
        return phone if phone.startswith(PHONE_PREFIX) else PHONE_PREFIX + self._of("phone", phone)

    def id(self, id: str, phone: str | None = None) -> str:
        """For an id: the addresses and the numbers in E.164 that it holds, also without + those that are the customer's `phone`.

        The same id has the same pseudonym, so that what is sent again is still known; without any of these it stays as it is.
        """
        hidden = _ADDRESS_IN_ID.sub(lambda found: self.email(normal_email(found[0])), id)
        if phone is not None and _NUMBER_IN_ID.fullmatch(phone):
            hidden = re.sub(rf"(?<![0-9])\+?{phone[1:]}(?![0-9])", self.phone(phone), hidden)
        hidden = _NUMBER_IN_ID.sub(lambda found: self.phone(found[0]), hidden)
        return hidden if len(hidden) <= NAME_LENGTH else PHONE_PREFIX + self._of("id", id)

    def _of(self, kind: str, value: str) -> str:
        return hmac.digest(self._key, f"{kind}:{value}".encode(), hashlib.sha256).hex()[:_HEX_DIGITS]
