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
from services.closed_loop.rows import (
    CASE_COLUMNS,
    READING_COLUMNS,
    announcement_row,
    case_row,
    clock_row,
    fact_row,
    has_timer,
    read_case,
    read_clock,
    reading_row,
)
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
        said = [announcement_row(case.tenant, clock.id, one) for case, clock in belonging for one in clock.announced]
        await _execute(session, sa.insert(clock_announcements), said)
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


async def save(session: AsyncSession, changes: Iterable[tuple[CaseFile, CaseFile]]) -> None:
    """Store what differs between two states, before and after, of locked case files."""
    changes = sorted(changes, key=lambda change: key_of(change[0]))
    await _execute(session, _UPDATE_CASE, [_keyed(case_row(new.case)) for old, new in changes if new.case != old.case])
    pairs = [(new.case, *pair) for old, new in changes for pair in zip(old.clocks, new.clocks, strict=True) if pair[0] != pair[1]]
    await _execute(
        session, _UPDATE_CLOCK, [_keyed({"tenant": case.tenant, "id": clock.id, **reading_row(clock)}) for case, _, clock in pairs]
    )
    gone = [{"b_tenant": case.tenant, "b_clock": old.id, "b_id": k.id} for case, old, new in pairs for k in old.facts if k not in new.facts]
    await _execute(session, _DELETE_FACT, gone)
    known = [fact_row(case.tenant, new.id, fact) for case, old, new in pairs for fact in new.facts if fact not in old.facts]
    await _execute(session, sa.insert(clock_facts), known)
    said = [announcement_row(case.tenant, new.id, one) for case, old, new in pairs for one in new.announced if one not in old.announced]
    await _execute(session, _KEEP_ANNOUNCEMENT, said)
    if any(has_timer(new) for _, new in changes):
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


async def _execute(session: AsyncSession, statement: sa.Executable, rows: Sequence[dict[str, Any]]) -> None:
    """One statement for many rows, none for none."""
    if rows:
        await session.execute(statement, rows)


def _keyed(row: dict[str, Any]) -> dict[str, Any]:
    """A row for an update: the key is bound under other names than the columns that are set."""
    return {"b_tenant": row["tenant"], "b_id": row["id"], **{name: value for name, value in row.items() if name not in ("tenant", "id")}}


def _update(table: sa.Table, columns: Iterable[str]) -> sa.Update:
    mine = table.c.tenant == sa.bindparam("b_tenant"), table.c.id == sa.bindparam("b_id")
    return sa.update(table).where(*mine).values({name: sa.bindparam(name) for name in columns if name not in ("tenant", "id")})


_UPDATE_CASE = _update(cases, CASE_COLUMNS)
_UPDATE_CLOCK = _update(clocks, READING_COLUMNS)
_DELETE_FACT = sa.delete(clock_facts).where(
    clock_facts.c.tenant == sa.bindparam("b_tenant"),
    clock_facts.c.clock == sa.bindparam("b_clock"),
    clock_facts.c.id == sa.bindparam("b_id"),
)
_KEEPING = insert(clock_announcements)
_KEEP_ANNOUNCEMENT = _KEEPING.on_conflict_do_update(
    index_elements=[column.name for column in clock_announcements.primary_key], set_={"retracted": _KEEPING.excluded.retracted}
)
