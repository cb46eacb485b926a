"""Case files in PostgreSQL. Everything here takes the session of its caller and never commits.

The row of the case is the lock of everything that belongs to it: clocks, facts, announcements and journal are only written by who
holds it. Cases are locked in the order of their key.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop.configuration import CalendarKey, Calendars
from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.rows import announcement_row, case_row, clock_row, fact_row, has_timer, read_case, read_clock, reading_row
from services.closed_loop.schema import cases, clock_announcements, clock_facts, clocks, journal
from services.closed_loop.sources import TIMER_CHANNEL
from shared.database.timers import wake

AT_ONCE = 1000


class CaseKey(NamedTuple):
    """A case of a tenant."""

    tenant: str
    id: str


class Entry(NamedTuple):
    """One line of the journal."""

    tenant: str
    case_id: str
    version: int
    at: datetime
    entry: str
    actor: str
    via: str
    text: str | None
    details: dict[str, Any]


def key_of(file: CaseFile) -> CaseKey:
    """The key of a case file."""
    return CaseKey(file.case.tenant, file.case.id)


async def clock_now(session: AsyncSession) -> datetime:
    """PostgreSQL's clock at this moment. Read it after the locks: then nothing that is known lies after it."""
    now: datetime = (await session.execute(sa.text("SELECT clock_timestamp()"))).scalar_one()
    return now


async def add_files(session: AsyncSession, files: Sequence[CaseFile]) -> set[CaseKey]:
    """Store new cases with their clocks; what is stored is answered. Of those whose origin has a case already nothing is."""
    if not files:
        return set()
    new = sorted(files, key=key_of)
    adding = insert(cases).on_conflict_do_nothing().returning(cases.c.tenant, cases.c.id)
    added = {CaseKey(*row) for row in await session.execute(adding, [case_row(file.case) for file in new])}
    belonging = [(file.case, clock) for file in new if key_of(file) in added for clock in file.clocks]
    if belonging:
        await session.execute(sa.insert(clocks), [clock_row(case, clock) for case, clock in belonging])
        facts = [fact_row(case.tenant, clock.id, known) for case, clock in belonging for known in clock.facts]
        await session.execute(sa.insert(clock_facts), facts)
    if any(has_timer(file) for file in new):
        await wake(session, TIMER_CHANNEL)
    return added


async def load(session: AsyncSession, calendars: Calendars, keys: Collection[CaseKey], *, lock: bool = True) -> dict[CaseKey, CaseFile]:
    """The case files with these keys that exist, locked until the transaction ends unless they are only to be read."""
    found: dict[CaseKey, CaseFile] = {}
    ordered = sorted(keys)
    for some in (ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE)):
        wanted = sa.select(cases).where(sa.tuple_(cases.c.tenant, cases.c.id).in_(some)).order_by(cases.c.tenant, cases.c.id)
        rows = (await session.execute(wanted.with_for_update() if lock else wanted)).all()
        clocks_of = await _clocks(session, calendars, [CaseKey(row.tenant, row.id) for row in rows])
        for row in rows:
            key = CaseKey(row.tenant, row.id)
            found[key] = CaseFile(read_case(row), tuple(clocks_of[key]))
    return found


async def save(session: AsyncSession, before: CaseFile, after: CaseFile) -> None:
    """Store what differs between two states of a locked case file."""
    tenant, id = key_of(after)
    if after.case != before.case:
        await session.execute(sa.update(cases).where(cases.c.tenant == tenant, cases.c.id == id).values(case_row(after.case)))
    for old, new in zip(before.clocks, after.clocks, strict=True):
        if new != old:
            await _save_clock(session, tenant, old, new)
    if has_timer(after):
        await wake(session, TIMER_CHANNEL)


async def write_journal(session: AsyncSession, entries: Iterable[Entry]) -> None:
    """Add lines to the journals of locked cases, in this order."""
    rows = [entry._asdict() for entry in entries]
    if rows:
        await session.execute(sa.insert(journal), rows)


async def _clocks(session: AsyncSession, calendars: Calendars, keys: Sequence[CaseKey]) -> dict[CaseKey, list[CaseClock]]:
    mine = sa.tuple_(clocks.c.tenant, clocks.c.case_id).in_(keys)
    rows = (await session.execute(sa.select(clocks).where(mine).order_by(clocks.c.kind))).all()
    of_clock = sa.and_(clocks.c.tenant == clock_facts.c.tenant, clocks.c.id == clock_facts.c.clock)
    facts = await session.execute(sa.select(clock_facts).join(clocks, of_clock).where(mine).order_by(clock_facts.c.position))
    of_clock = sa.and_(clocks.c.tenant == clock_announcements.c.tenant, clocks.c.id == clock_announcements.c.clock)
    announced = await session.execute(sa.select(clock_announcements).join(clocks, of_clock).where(mine))
    facts_of, announced_of = _by_clock(facts), _by_clock(announced)
    known = await calendars.of(session, {CalendarKey(row.tenant, row.calendar_id, row.calendar_version) for row in rows})
    found: dict[CaseKey, list[CaseClock]] = defaultdict(list)
    for row in rows:
        clock = read_clock(row, known, facts_of[row.tenant, row.id], announced_of[row.tenant, row.id])
        found[CaseKey(row.tenant, row.case_id)].append(clock)
    return found


def _by_clock(rows: Iterable[Any]) -> dict[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in rows:
        found[row.tenant, row.clock].append(row)
    return found


async def _save_clock(session: AsyncSession, tenant: str, old: CaseClock, new: CaseClock) -> None:
    changed = sa.update(clocks).where(clocks.c.tenant == tenant, clocks.c.id == new.id).values(reading_row(new))
    await session.execute(changed)
    gone = [known.id for known in old.facts if known not in new.facts]
    if gone:
        mine = sa.and_(clock_facts.c.tenant == tenant, clock_facts.c.clock == new.id, clock_facts.c.id.in_(gone))
        await session.execute(sa.delete(clock_facts).where(mine))
    added = [fact_row(tenant, new.id, known) for known in new.facts if known not in old.facts]
    if added:
        await session.execute(sa.insert(clock_facts), added)
    rows = [announcement_row(tenant, new.id, one) for one in new.announced if one not in old.announced]
    if rows:
        adding = insert(clock_announcements)
        key = [column.name for column in clock_announcements.primary_key]
        retracting = adding.on_conflict_do_update(index_elements=key, set_={"retracted": adding.excluded.retracted})
        await session.execute(retracting, rows)
