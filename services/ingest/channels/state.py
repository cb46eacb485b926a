"""What an endpoint has done so far, read together for the one page that shows it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

POSTS_AT_MOST = 50
REQUEST_KINDS = ("request", "refused", "unreadable")

_COUNTS = text("SELECT kind, reason, n, last_at FROM channel_counts WHERE tenant = :tenant AND endpoint = :endpoint ORDER BY kind, reason")
_KEPT = text("SELECT count(*) FROM channel_unreadable WHERE tenant = :tenant AND endpoint = :endpoint")
_COLLECTED = text("""
    SELECT c.post, c.existing, c.told_at, (
        SELECT count(*) FROM channel_comments AS m WHERE m.tenant = c.tenant AND m.endpoint = c.endpoint AND m.post = c.post
    ) AS taken
    FROM channel_collected AS c WHERE c.tenant = :tenant AND c.endpoint = :endpoint ORDER BY c.told_at DESC, c.post LIMIT :posts
""")


@dataclass(frozen=True, slots=True)
class Share:
    """How many comments a post has by the vendor, and how many of them were taken."""

    post: str
    existing: int
    taken: int
    told_at: datetime

    @property
    def share(self) -> float | None:
        """Of those that exist; comments that were removed since may make it less than it was, never more than all."""
        return min(1.0, self.taken / self.existing) if self.existing else None


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one endpoint."""

    requests: int
    events: int
    refused: dict[str, int]
    passed_over: dict[str, int]
    last_received_at: datetime | None
    unreadable_kept: int
    collected: list[Share]


async def read_counts(session: AsyncSession, tenant: str, endpoint: str) -> Counts:
    """Everything that was counted for it, with the posts that were told of last."""
    named = {"tenant": tenant, "endpoint": endpoint}
    rows = (await session.execute(_COUNTS, named)).all()
    kept = (await session.execute(_KEPT, named)).scalar_one()
    collected = await session.execute(_COLLECTED, {**named, "posts": POSTS_AT_MOST})
    return Counts(
        requests=sum(row.n for row in rows if row.kind in REQUEST_KINDS),
        events=sum(row.n for row in rows if row.kind == "events"),
        refused={row.reason: row.n for row in rows if row.kind == "refused"},
        passed_over={row.reason: row.n for row in rows if row.kind == "passed_over"},
        last_received_at=max((row.last_at for row in rows if row.kind in REQUEST_KINDS), default=None),
        unreadable_kept=kept,
        collected=[Share(row.post, row.existing, row.taken, row.told_at) for row in collected],
    )
