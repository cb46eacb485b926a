"""Addresses of customers with pseudonyms, sealed so that the role that sends surveys, and nobody else, can write to them."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from services.ingest.personal.pseudonyms import is_pseudonym

HEADER = "hearback-sealed-addresses"
"""The header of an event's record that holds them: no service that keeps events keeps it."""

_decode = msgspec.json.Decoder(dict[str, str]).decode


class Sealer:
    """Seals and opens addresses of one tenant, with a key of its own that follows from the one of pseudonyms."""

    def __init__(self, master: bytes, tenant: str) -> None:
        key = hmac.digest(master, b"hearback sealed addresses of " + tenant.encode(), hashlib.sha256)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, addresses: Mapping[str, str | None]) -> bytes | None:
        """By kind (`email`, `phone`), each sealed alone; None when there is none."""
        sealed = {
            kind: self._fernet.encrypt(address.encode()).decode()
            for kind, address in addresses.items()
            if address and not is_pseudonym(address)
        }
        return msgspec.json.encode(sealed) if sealed else None

    def open(self, sealed: str) -> str | None:
        """An address again; None when it was not sealed here."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None


def parts(header: bytes) -> dict[str, str]:
    """What a header holds, by kind, still sealed; nothing when it is none of ours."""
    try:
        return _decode(header)
    except msgspec.DecodeError:
        return {}
