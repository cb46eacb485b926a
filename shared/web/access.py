"""Who is calling: API keys, checked against this process's own copy of `access.v1`, and the scopes they carry.

A key looks like `hb_<id>_<secret>`; only the SHA-256 of the whole key is known here. The hot path reads no database.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request
from fastapi.security import HTTPBearer

from shared.clock import Clock
from shared.contracts.access import KeyRecord, TenantRecord
from shared.contracts.decoding import Event
from shared.contracts.topics import ACCESS
from shared.errors import Unavailable
from shared.kafka.copy import TopicCopy
from shared.loops import stopped_within
from shared.settings import KafkaSettings
from shared.web.problems import Problem

SYSTEM_TENANT: Final = "system"
CATCH_UP_SECONDS = 1.0
UNKNOWN_REMEMBERED_SECONDS = 10.0
UNKNOWN_AT_MOST = 10_000

bearer_scheme = HTTPBearer(auto_error=False, description="An API key, `hb_<id>_<secret>`")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the tenant that everything is done in, the key, and what it may do."""

    tenant: str
    key_id: str
    scopes: frozenset[str]
    expires_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit names the caller."""
        return f"key:{self.key_id}"


@dataclass(frozen=True, slots=True)
class _Key:
    sha256: str
    principal: Principal
    revoked: bool
    sequence: int


class Access:
    """Keys and tenants in memory. `copy` is the loop that keeps them so; authentication itself is synchronous when it can be."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        self._clock = clock
        self.tenants: dict[str, TenantRecord] = {}
        """What is known of tenants now, by id. A record is never changed: a newer one takes its place."""
        self._tenant_sequences: dict[str, int] = {}
        self._tenant_arrived = asyncio.Event()
        self._keys: dict[str, _Key] = {}
        self._unknown: dict[str, float] = {}
        self._awaited: dict[str, asyncio.Event] = {}
        self.copy = TopicCopy(kafka, ACCESS, self._take)

    async def missing(self) -> str | None:
        """For readiness: whether keys are still being read."""
        return None if self.copy.complete else "keys are not read yet"

    def known(self, token: str) -> Principal | None:
        """The principal of a key that this process knows, None when it does not know the id.

        Raises Problem 401 for a key that is wrong, revoked or expired.
        """
        key_id = key_id_of(token)
        key = self._keys.get(key_id)
        if key is None:
            return None
        right = hmac.compare_digest(key.sha256, hashlib.sha256(token.encode()).hexdigest())
        if not right or key.revoked:
            raise unauthorized("this key is not valid")
        if key.principal.expires_at is not None and key.principal.expires_at <= self._clock():
            raise unauthorized("this key has expired")
        return key.principal

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal of an `Authorization` header.

        An unknown id waits, at most a second, for the copy to reach the topic's present end, so that a key works
        everywhere from the moment it was given out. Raises Problem 401, or 503 when that end cannot be read.
        """
        token = bearer_token(authorization)
        principal = self.known(token)
        if principal is not None:
            return principal
        key_id = key_id_of(token)
        now = asyncio.get_running_loop().time()
        if self._unknown.get(key_id, 0.0) <= now:
            try:
                await self.copy.catch_up(CATCH_UP_SECONDS)
            except Unavailable as unavailable:
                raise Problem(503, "unavailable", "keys cannot be checked now; try again", headers={"Retry-After": "5"}) from unavailable
            principal = self.known(token)
            if principal is not None:
                return principal
            if len(self._unknown) >= UNKNOWN_AT_MOST:
                self._unknown.clear()
            self._unknown[key_id] = now + UNKNOWN_REMEMBERED_SECONDS
        raise unauthorized("this key is not known")

    async def announced(self, key_id: str, seconds: float) -> None:
        """Wait until a new key stands on Kafka, so that every service finds it; at most `seconds`."""
        arrived = self._awaited[key_id] = asyncio.Event()
        try:
            if key_id not in self._keys:
                await stopped_within(arrived, seconds)
        finally:
            del self._awaited[key_id]

    async def tenant_announced(self, tenant: str, version: int, seconds: float) -> None:
        """Wait until this version of a tenant's record stands on Kafka, so that every service goes by it; at most `seconds`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._tenant_sequences.get(tenant, -1) < version and (left := until - loop.time()) > 0:
            await stopped_within(self._tenant_arrived, left)

    def _take(self, event: Event) -> None:
        sequence = event.sequence or 0
        if event.type == "access.tenant.v1" and self._tenant_sequences.get(event.tenant, -1) < sequence:
            self._tenant_sequences[event.tenant] = sequence
            self.tenants[event.tenant] = event.data
            self._tenant_arrived.set()
            self._tenant_arrived = asyncio.Event()
        if event.type == "access.key.v1":
            record: KeyRecord = event.data
            present = self._keys.get(record.key)
            if present is None or present.sequence < sequence:
                principal = Principal(event.tenant, record.key, frozenset(record.scopes), record.expires_at)
                self._keys[record.key] = _Key(record.sha256, principal, record.revoked_at is not None, sequence)
                self._unknown.pop(record.key, None)
                if (awaited := self._awaited.get(record.key)) is not None:
                    awaited.set()


def bearer_token(authorization: str | None) -> str:
    """The token of an `Authorization: Bearer` header. Raises Problem 401."""
    if authorization is None:
        raise unauthorized("send your API key as `Authorization: Bearer hb_…`")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthorized("send your API key as `Authorization: Bearer hb_…`")
    return token.strip()


def unauthorized(detail: str) -> Problem:
    """401 with the challenge that RFC 9110 asks for."""
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="hearback"'})


def key_id_of(token: str) -> str:
    """The id in a key. Raises Problem 401 for what is no key of ours."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != "hb" or not key_id or not secret or not token.isascii():
        raise unauthorized("this is not an API key of Hearback; one looks like `hb_<id>_<secret>`")
    return key_id


def requires(scope: str) -> Callable[[Request], Awaitable[Principal]]:
    """A FastAPI dependency: the caller, who must carry `scope`. `operator` holds only for keys of the tenant `system`."""

    async def caller(request: Request) -> Principal:
        access: Access = request.app.state.access
        principal = await access.authenticate(request.headers.get("authorization"))
        check_scope(principal, scope)
        return principal

    return caller


def check_scope(principal: Principal, scope: str) -> None:
    """Raise Problem 403 unless the principal may do what needs `scope`."""
    if scope not in principal.scopes or (scope == "operator" and principal.tenant != SYSTEM_TENANT):
        raise Problem(403, "forbidden", f"this needs a key with the scope {scope}")


async def authenticated(request: Request) -> Principal:
    """A FastAPI dependency: the caller, whatever the key may do."""
    access: Access = request.app.state.access
    return await access.authenticate(request.headers.get("authorization"))
