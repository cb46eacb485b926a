"""How fast messages go out: each sender gives out instants, one after the other, to all replicas alike."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_TAKE = text("""
    INSERT INTO survey_pace AS pace (tenant, way, free_at) VALUES (:tenant, :way, now() + :taken)
    ON CONFLICT (tenant, way) DO UPDATE SET free_at = greatest(pace.free_at, now()) + :taken
    RETURNING free_at - :taken
""")


async def instants(session: AsyncSession, tenant: str, way: str, per_second: float, count: int) -> list[datetime]:
    """When each of `count` messages may go. `tenant` is empty for the installation's own sender. Does not commit.

    Whoever takes instants of several senders does so in one order, as with rows.
    """
    step = timedelta(seconds=1 / per_second)
    first: datetime = (await session.execute(_TAKE, {"tenant": tenant, "way": way, "taken": step * count})).scalar_one()
    return [first + step * place for place in range(count)]
