"""An endpoint as it is stored, and as it is used: options read, secrets opened. Pure but for the box that opens them."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Adapter, Endpoint, Form
from shared.delivery.secrets import SecretBox, UnreadableSecret
from shared.errors import HearbackError

ID_LENGTH = 32


class Misconfigured(HearbackError):
    """The endpoint cannot be used as it is stored; the text says what to do and holds no secret."""


@dataclass(frozen=True, slots=True)
class StoredSecrets:
    """One version of an endpoint's secrets, sealed; `valid_until` is set when a newer one was given."""

    version: int
    sealed: bytes
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class StoredEndpoint:
    """One row of `channel_endpoints` with its secrets, the newest first."""

    id: str
    tenant: str
    channel: str
    name: str
    zone: str
    country: str | None
    options: Mapping[str, Any]
    calls_per_minute: int
    version: int
    created_at: datetime
    updated_at: datetime
    disabled_at: datetime | None
    secrets: Sequence[StoredSecrets] = ()


@dataclass(frozen=True, slots=True)
class OpenEndpoint:
    """An endpoint ready for use. `secrets` are all that the database has, the newest first, each with the instant when it ends."""

    stored: StoredEndpoint
    adapter: Adapter[Any, Any]
    options: Form
    zone: ZoneInfo
    secrets: Sequence[tuple[Form, datetime | None]]

    @property
    def id(self) -> str:
        """The last part of its URL."""
        return self.stored.id

    @property
    def tenant(self) -> str:
        """Whose it is."""
        return self.stored.tenant

    @property
    def channel(self) -> str:
        """The name of its adapter."""
        return self.stored.channel

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"/channels/{self.stored.channel}/{self.stored.id}"

    def at(self, now: datetime) -> Endpoint[Any, Any]:
        """What the adapter is given: the secrets that are valid now."""
        return self._with([form for form, until in self.secrets if until is None or now < until])

    def with_all_secrets(self) -> Endpoint[Any, Any]:
        """For what was proven when it came: former secrets, which may be needed to decrypt it, as well."""
        return self._with([form for form, _ in self.secrets])

    def _with(self, forms: Sequence[Form]) -> Endpoint[Any, Any]:
        return Endpoint(secrets=forms, options=self.options, zone=self.zone)


def new_endpoint_id() -> str:
    """128 random bits: who was not told the URL does not find it."""
    return secrets.token_hex(ID_LENGTH // 2)


def may_be_id(text: str) -> bool:
    """Whether it has the form of an id, so that it is worth asking the database for."""
    return len(text) == ID_LENGTH and all(digit in "0123456789abcdef" for digit in text)


def open_endpoint(stored: StoredEndpoint, box: SecretBox | None) -> OpenEndpoint:
    """Read its options and open its secrets. Raises Misconfigured."""
    adapter = adapters().get(stored.channel)
    if adapter is None:
        raise Misconfigured(f"this version has no channel {stored.channel}")
    if box is None:
        raise Misconfigured("HEARBACK_INGEST_SECRETS_KEY is not set: secrets cannot be opened")
    if not stored.secrets:
        raise Misconfigured(f"it has no secrets yet: give them with POST /v1/endpoints/{stored.id}/rotate")
    try:
        options = adapter.options.model_validate(stored.options)
        opened = [(adapter.secrets.model_validate_json(box.open(one.sealed)), one.valid_until) for one in stored.secrets]
        return OpenEndpoint(stored, adapter, options, ZoneInfo(stored.zone), opened)
    except UnreadableSecret:
        raise Misconfigured("its secrets cannot be opened with the present HEARBACK_INGEST_SECRETS_KEY") from None
    except ValidationError as refused:
        fields = ", ".join(".".join(map(str, error["loc"])) for error in refused.errors(include_input=False))
        raise Misconfigured(f"this version reads its options or secrets differently, change: {fields}") from None
    except ZoneInfoNotFoundError:
        raise Misconfigured(f"there is no time zone {stored.zone}") from None


def token_hash(token: str) -> bytes:
    """How a token that is used up is remembered."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
