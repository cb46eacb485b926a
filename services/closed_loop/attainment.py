"""How many clocks were met: counted from their rows, at one instant. Reads only, in its caller's session."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.domain.policy import CaseKind, ClockKind
from services.closed_loop.schema import cases, clocks
from shared.contracts.fields import Channel, Severity


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which cases: received in [start, to), and with these traits. None asks nothing."""

    start: datetime | None = None
    to: datetime | None = None
    kind: CaseKind | None = None
    team: str | None = None
    category: str | None = None
    severity: Severity | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class Attainment:
    """Clocks of one kind in their present cycle. `neutral` ones ended without a deadline; a breach stays one whatever came later."""

    clock: ClockKind
    met: int
    breached: int
    running: int
    paused: int
    cancelled: int
    neutral: int

    @property
    def decided(self) -> int:
        """How many the share is of."""
        return self.met + self.breached

    @property
    def attainment(self) -> float | None:
        """The share of met among those that are decided, None when none is."""
        return self.met / self.decided if self.decided else None


_EQUAL = ("kind", "team", "category", "severity", "channel")


async def attainment(session: AsyncSession, tenant: str, asked: Asked) -> list[Attainment]:
    """By kind of clock. A running clock whose due has passed counts as breached also before its timer fired."""
    late = sa.and_(clocks.c.activity == "running", clocks.c.due_at < sa.func.now())
    breached = sa.or_(clocks.c.breached_at.is_not(None), sa.func.coalesce(late, False))

    def number(name: str, *conditions: Any) -> sa.Label[int]:
        return sa.func.count().filter(*conditions).label(name)

    counted = sa.select(
        clocks.c.kind,
        number("met", clocks.c.status == "met", clocks.c.due_at.is_not(None)),
        number("breached", breached),
        number("running", clocks.c.activity == "running", sa.not_(breached)),
        number("paused", clocks.c.activity == "paused", sa.not_(breached)),
        number("cancelled", clocks.c.status == "cancelled", sa.not_(breached)),
        number("neutral", clocks.c.status == "met", clocks.c.due_at.is_(None)),
    ).join(cases, sa.and_(cases.c.tenant == clocks.c.tenant, cases.c.id == clocks.c.case_id))
    wanted = counted.where(cases.c.tenant == tenant)
    if asked.start is not None:
        wanted = wanted.where(cases.c.received_at >= asked.start)
    if asked.to is not None:
        wanted = wanted.where(cases.c.received_at < asked.to)
    for name in _EQUAL:
        if getattr(asked, name) is not None:
            wanted = wanted.where(cases.c[name] == getattr(asked, name))
    rows = await session.execute(wanted.group_by(clocks.c.kind).order_by(clocks.c.kind))
    return [Attainment(*row) for row in rows]
