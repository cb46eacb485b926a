"""Which cases somebody asks for, page by page, and the journal of one. Reads only, in its caller's session."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.domain.case import OPEN
from services.closed_loop.domain.policy import CaseKind, ClockKind
from services.closed_loop.schema import cases, clocks, journal
from services.closed_loop.store import CaseKey
from shared.contracts.cases import CaseState
from shared.contracts.fields import Channel, Severity

ClockState = Literal["running", "paused", "breached", "met", "cancelled"]
TIMELINE_LIMIT = 500


class Position(msgspec.Struct, frozen=True):
    """Where a page ended."""

    opened_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of a case; None asks nothing. `clock` says of which clock `clock_state` and `due_before` speak; else of any."""

    state: Sequence[CaseState] = ()
    open: bool | None = None
    clock: ClockKind | None = None
    clock_state: ClockState | None = None
    due_before: datetime | None = None
    kind: CaseKind | None = None
    owner: str | None = None
    team: str | None = None
    category: str | None = None
    severity: Severity | None = None
    channel: Channel | None = None
    customer: str | None = None
    origin_source: str | None = None
    origin_id: str | None = None


_EQUAL = ("kind", "owner", "team", "category", "severity", "channel", "customer", "origin_source", "origin_id")


def read_cursor(cursor: str) -> Position | None:
    """The position in a cursor, None for one that we have not written."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=Position)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None


def write_cursor(position: Position) -> str:
    """A cursor that holds a position."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()


async def find(session: AsyncSession, tenant: str, search: Search, after: Position | None, limit: int) -> list[CaseKey]:
    """The cases that are asked for, the newest first, those after a position."""
    wanted = sa.select(cases.c.tenant, cases.c.id).where(cases.c.tenant == tenant)
    if search.state:
        wanted = wanted.where(cases.c.state.in_(search.state))
    if search.open is not None:
        wanted = wanted.where(cases.c.state.in_(OPEN) if search.open else cases.c.state.not_in(OPEN))
    for name in _EQUAL:
        value = getattr(search, name)
        if value is not None:
            wanted = wanted.where(cases.c[name] == value)
    if search.clock_state is not None or search.due_before is not None:
        wanted = wanted.where(_has_clock(search))
    if after is not None:
        wanted = wanted.where(sa.tuple_(cases.c.opened_at, cases.c.id) < (after.opened_at, after.id))
    rows = await session.execute(wanted.order_by(cases.c.opened_at.desc(), cases.c.id.desc()).limit(limit))
    return [CaseKey(*row) for row in rows]


async def timeline(session: AsyncSession, key: CaseKey) -> Sequence[Any]:
    """The newest part of a case's journal, the oldest first."""
    mine = sa.select(journal).where(journal.c.tenant == key.tenant, journal.c.case_id == key.id)
    rows = (await session.execute(mine.order_by(journal.c.position.desc()).limit(TIMELINE_LIMIT))).all()
    return rows[::-1]


def _has_clock(search: Search) -> sa.Exists:
    """Some clock is as asked. A stored status is as of the last change: a running clock whose due has passed since is breached."""
    asked = [clocks.c.tenant == cases.c.tenant, clocks.c.case_id == cases.c.id]
    late = sa.and_(clocks.c.activity == "running", clocks.c.due_at < sa.func.now())
    if search.clock is not None:
        asked.append(clocks.c.kind == search.clock)
    if search.clock_state == "breached":
        asked.append(sa.or_(clocks.c.status == "breached", late))
    elif search.clock_state is not None:
        asked += [clocks.c.status == search.clock_state, sa.not_(sa.func.coalesce(late, False))]
    if search.due_before is not None:
        asked += [clocks.c.activity == "running", clocks.c.breached_at.is_(None), clocks.c.due_at < search.due_before]
    return sa.exists().where(*asked)
