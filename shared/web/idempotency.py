"""`Idempotency-Key` on writes: within a day the same request with the same key is answered as the first time was.

The answer is stored in the transaction of the write itself, so that there is never one without the other.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from shared.web.access import Principal
from shared.web.problems import Problem

KEPT = timedelta(hours=24)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_FIND = text("""
    SELECT request_hash, response FROM idempotency_keys
    WHERE tenant = :tenant AND route = :route AND key = :key AND created_at > :since
""")
_KEEP = text("""
    INSERT INTO idempotency_keys (tenant, route, key, request_hash, status, response, created_at)
    VALUES (:tenant, :route, :key, :hash, :status, :response, :now)
    ON CONFLICT (tenant, route, key) DO UPDATE
    SET request_hash = excluded.request_hash, status = excluded.status, response = excluded.response, created_at = excluded.created_at
""").bindparams(bindparam("response", type_=JSONB))
_FORGET = text("""
    DELETE FROM idempotency_keys
    WHERE (tenant, route, key) IN (SELECT tenant, route, key FROM idempotency_keys WHERE created_at <= :since ORDER BY created_at LIMIT 100)
""")


class Once:
    """One write under its idempotency key: `replayed` is the stored answer of the first time, None when this is it."""

    def __init__(self, session: AsyncSession, name: Mapping[str, str] | None, request_hash: bytes, now: datetime) -> None:
        self._session = session
        self._name = name
        self._hash = request_hash
        self._now = now
        self.replayed: dict[str, Any] | None = None

    async def keep(self, response: BaseModel, status: int = 201) -> None:
        """Store the answer, without any secret. Does not commit."""
        if self._name is None:
            return
        values = {**self._name, "hash": self._hash, "status": status, "response": response.model_dump(mode="json"), "now": self._now}
        await self._session.execute(_KEEP, values)
        await self._session.execute(_FORGET, {"since": self._now - KEPT})


async def once(session: AsyncSession, caller: Principal, route: str, key: str | None, body: BaseModel, now: datetime) -> Once:
    """Begin a write that may be a repetition; others with the same key wait until this transaction ends.

    Raises Problem 422 when the key came with another body before.
    """
    request_hash = hashlib.sha256(msgspec.json.encode(body.model_dump(mode="json"))).digest()
    if key is None:
        return Once(session, None, request_hash, now)
    name = {"tenant": caller.tenant, "route": route, "key": key}
    await session.execute(_LOCK, {"name": "\n".join(name.values())})
    found = (await session.execute(_FIND, {**name, "since": now - KEPT})).first()
    if found is not None and found.request_hash != request_hash:
        raise Problem(422, "idempotency_key_reused", "this Idempotency-Key came with another body before; use a new one for a new request")
    write = Once(session, name, request_hash, now)
    write.replayed = None if found is None else found.response
    return write
