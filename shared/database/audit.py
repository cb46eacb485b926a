"""Who changed which configuration, when, from what to what. Written in the transaction of the change."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

_RECORD = text("""
    INSERT INTO audit (tenant, at, actor, action, object, before, after)
    VALUES (:tenant, :at, :actor, :action, :object, :before, :after)
""").bindparams(bindparam("before", type_=JSONB(none_as_null=True)), bindparam("after", type_=JSONB(none_as_null=True)))


async def record_change(
    session: AsyncSession,
    *,
    tenant: str,
    at: datetime,
    actor: str,
    action: str,
    changed: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    """Note one change. `actor` is a key or a person; `before` and `after` hold no secret. Does not commit."""
    values = {"tenant": tenant, "at": at, "actor": actor, "action": action, "object": changed, "before": before, "after": after}
    await session.execute(_RECORD, values)
