"""What was proven and could not be read: kept sealed for thirty days, listed, replayable.

A request is kept whole, as it came; of a fetch's step, which brings many events, only the event that the contract refused is. The same
content again is the same row, counted.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import Request
from shared.delivery.secrets import SecretBox

Kind = Literal["request", "event"]
KEPT_DAYS = 30
REASON_LENGTH = 500


class StoredRequest(msgspec.Struct, frozen=True):
    """A vendor's request as JSON."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    at: datetime
    keys: bytes | None = None

    def request(self) -> Request:
        """As it came, at the instant when it came."""
        return Request(self.method, self.url, self.headers, self.body, self.at, self.keys)


@dataclass(frozen=True, slots=True)
class Unread:
    """What is to be kept, and why; `reason` says what was expected and holds no personal data."""

    kind: Kind
    reason: str
    content: bytes
    """A StoredRequest, or the JSON of one event."""
    fingerprint: bytes
    """What makes it the same content when it comes again."""

    @property
    def id(self) -> str:
        """32 hexadecimal digits, the same for the same content."""
        return hashlib.sha256(self.kind.encode() + b"\n" + self.fingerprint).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Kept:
    """One row of `channel_unreadable` without its content."""

    id: str
    kind: Kind
    reason: str
    size: int
    received_at: datetime
    last_at: datetime
    times: int


def unread_request(request: Request, reason: str) -> Unread:
    """A request that was proven and not understood."""
    stored = StoredRequest(request.method, request.url, dict(request.headers), request.body, request.at, request.keys)
    named = b"\n".join((request.method.encode(), request.url.encode("utf-8", "surrogatepass"), request.body))
    return Unread("request", reason[:REASON_LENGTH], msgspec.json.encode(stored), named)


def unread_event(item: bytes, reason: str) -> Unread:
    """One event of a fetch that the contract refused."""
    return Unread("event", reason[:REASON_LENGTH], item, item)


_KEEP = text("""
    INSERT INTO channel_unreadable (tenant, endpoint, id, kind, reason, sealed, size, received_at, last_at, times)
    VALUES (:tenant, :endpoint, :id, :kind, :reason, :sealed, :size, :at, :at, 1)
    ON CONFLICT (tenant, endpoint, id) DO UPDATE
    SET times = channel_unreadable.times + 1, last_at = excluded.last_at, reason = excluded.reason, sealed = excluded.sealed
""")
_COLUMNS = "id, kind, reason, size, received_at, last_at, times"
_LIST = text(f"""
    SELECT {_COLUMNS} FROM channel_unreadable WHERE tenant = :tenant AND endpoint = :endpoint AND id > :after ORDER BY id LIMIT :limit
""")  # noqa: S608
_FIND = text(f"""
    SELECT {_COLUMNS}, sealed FROM channel_unreadable WHERE tenant = :tenant AND endpoint = :endpoint AND id = :id FOR UPDATE
""")  # noqa: S608
_DROP = text("DELETE FROM channel_unreadable WHERE tenant = :tenant AND endpoint = :endpoint AND id = :id")
_EXPLAIN = text("UPDATE channel_unreadable SET reason = :reason WHERE tenant = :tenant AND endpoint = :endpoint AND id = :id")


async def keep(session: AsyncSession, box: SecretBox, tenant: str, endpoint: str, unread: Sequence[Unread], at: datetime) -> None:
    """Keep them, sealed. Does not commit."""
    for one in sorted(unread, key=lambda one: one.id):
        sealed = box.seal(base64.b64encode(one.content).decode())
        row = {"tenant": tenant, "endpoint": endpoint, "id": one.id, "kind": one.kind, "reason": one.reason}
        await session.execute(_KEEP, {**row, "sealed": sealed, "size": len(one.content), "at": at})


async def list_kept(session: AsyncSession, tenant: str, endpoint: str, *, after: str, limit: int) -> list[Kept]:
    """What is kept for an endpoint, by id."""
    rows = await session.execute(_LIST, {"tenant": tenant, "endpoint": endpoint, "after": after, "limit": limit})
    return [Kept(**row) for row in rows.mappings()]


async def take_kept(session: AsyncSession, box: SecretBox, tenant: str, endpoint: str, id: str) -> tuple[Kept, bytes] | None:
    """One of them with its content, locked until the end of the transaction. Raises UnreadableSecret."""
    row = (await session.execute(_FIND, {"tenant": tenant, "endpoint": endpoint, "id": id})).mappings().one_or_none()
    if row is None:
        return None
    kept = Kept(**{name: row[name] for name in _COLUMNS.split(", ")})
    return kept, base64.b64decode(box.open(row["sealed"]))


async def drop_kept(session: AsyncSession, tenant: str, endpoint: str, id: str) -> None:
    """It was read after all."""
    await session.execute(_DROP, {"tenant": tenant, "endpoint": endpoint, "id": id})


async def explain_kept(session: AsyncSession, tenant: str, endpoint: str, id: str, reason: str) -> None:
    """It still cannot be read, for this reason."""
    await session.execute(_EXPLAIN, {"tenant": tenant, "endpoint": endpoint, "id": id, "reason": reason[:REASON_LENGTH]})
