"""What was proven and could not be read: kept sealed for thirty days, listed, replayable.

A request is kept whole, as it came, and of a fetch's step all that the vendor answered. The same request again is the same row, counted;
so is the same step, and then its newest answers are kept.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters.adapter import Fetch, Reply, Request
from shared.delivery.secrets import SecretBox

Kind = Literal["request", "step"]
KEPT_DAYS = 30
KEPT_BYTES = 512 * 1024 * 1024
"""Of one endpoint; then the oldest goes first."""
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


class StoredReply(msgspec.Struct, frozen=True):
    """A vendor's answer as JSON."""

    status: int
    headers: dict[str, str]
    body: bytes


class StoredStep(msgspec.Struct, frozen=True):
    """A step of a fetch with the vendor's answers, in the order of the calls, as JSON."""

    key: str
    arguments: dict[str, Any]
    at: datetime
    replies: list[StoredReply]

    def step(self) -> "Step":
        """As it was when it was done."""
        replies = [Reply(reply.status, reply.headers, reply.body) for reply in self.replies]
        return Step(Fetch(self.key, self.arguments), self.at, replies)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a fetch, begun at that instant, and what the vendor answered to its calls, one after the other."""

    fetch: Fetch
    at: datetime
    replies: Sequence[Reply]


@dataclass(frozen=True, slots=True)
class Unread:
    """What is to be kept; `reason` says what was expected and holds no personal data."""

    content: Request | Step
    reason: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The same, ready to be stored: `id` is 32 hexadecimal digits, the same for the same content."""

    id: str
    kind: Kind
    reason: str
    sealed: bytes
    size: int


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


async def seal(box: SecretBox, unread: Sequence[Unread]) -> list[Sealed]:
    """Seal them, in a thread because they may be large, and in the order in which rows are locked."""
    return sorted([await asyncio.to_thread(_seal, box, one) for one in unread], key=lambda one: one.id)


def _seal(box: SecretBox, unread: Unread) -> Sealed:
    kind, named, stored = _request(unread.content) if isinstance(unread.content, Request) else _step(unread.content)
    id = hashlib.sha256(kind.encode() + b"\n" + named).hexdigest()[:32]
    written = msgspec.json.encode(stored)
    return Sealed(id, kind, unread.reason[:REASON_LENGTH], box.seal(written.decode("latin-1")), len(written))


def _request(asked: Request) -> tuple[Kind, bytes, StoredRequest]:
    named = b"\n".join((asked.method.encode(), asked.url.encode("utf-8", "surrogatepass"), asked.body))
    return "request", named, StoredRequest(asked.method, asked.url, dict(asked.headers), asked.body, asked.at, asked.keys)


def _step(step: Step) -> tuple[Kind, bytes, StoredStep]:
    key, arguments = step.fetch.key, dict(step.fetch.arguments)
    replies = [StoredReply(reply.status, dict(reply.headers), reply.body) for reply in step.replies]
    return "step", json.dumps([key, arguments], sort_keys=True).encode(), StoredStep(key, arguments, step.at, replies)


_KEEP = text("""
    INSERT INTO channel_unreadable (tenant, endpoint, id, kind, reason, sealed, size, received_at, last_at, times)
    VALUES (:tenant, :endpoint, :id, :kind, :reason, :sealed, :size, :at, :at, 1)
    ON CONFLICT (tenant, endpoint, id) DO UPDATE
    SET times = channel_unreadable.times + 1, last_at = excluded.last_at, reason = excluded.reason, sealed = excluded.sealed,
        size = excluded.size
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


async def keep(session: AsyncSession, tenant: str, endpoint: str, unread: Sequence[Sealed], at: datetime) -> None:
    """Keep them. Does not commit."""
    for one in unread:
        row = {"tenant": tenant, "endpoint": endpoint, "id": one.id, "kind": one.kind, "reason": one.reason}
        await session.execute(_KEEP, {**row, "sealed": one.sealed, "size": one.size, "at": at})


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
    return kept, box.open(row["sealed"]).encode("latin-1")


async def drop_kept(session: AsyncSession, tenant: str, endpoint: str, id: str) -> None:
    """It was read after all."""
    await session.execute(_DROP, {"tenant": tenant, "endpoint": endpoint, "id": id})


async def explain_kept(session: AsyncSession, tenant: str, endpoint: str, id: str, reason: str) -> None:
    """It still cannot be read, for this reason."""
    await session.execute(_EXPLAIN, {"tenant": tenant, "endpoint": endpoint, "id": id, "reason": reason[:REASON_LENGTH]})
