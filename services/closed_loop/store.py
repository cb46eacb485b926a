"""Case files in PostgreSQL. Everything here takes the session of its caller and never commits.

The row of the case is the lock of everything that belongs to it: clocks, facts, announcements and journal are only written by who
holds it. Cases are locked in the order of their key.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.closed_loop import statements
from services.closed_loop.configuration import CalendarKey, Calendars
from services.closed_loop.domain.case import Case, CaseFile
from services.closed_loop.domain.case_clock import CaseClock
from services.closed_loop.rows import (
    CASE_COLUMNS,
    announcement_row,
    case_row,
    clock_row,
    fact_row,
    has_timer,
    read_announcement,
    read_case,
    read_clock,
    read_fact,
    reading_row,
)
from services.closed_loop.schema import cases, clock_announcements, clock_facts, clocks, journal
from services.closed_loop.sources import TIMER_CHANNEL
from services.closed_loop.statements import by_column, keyed
from shared.database.rows import copy_rows
from shared.database.timers import wake

AT_ONCE = 200
"""Cases read, or rows written, without a pause in between."""


T = TypeVar("T")


class CaseKey(NamedTuple):
    """A case of a tenant."""

    tenant: str
    id: str


class DueClock(NamedTuple):
    """A clock whose timer is to fire, with its case, which the transaction has locked."""

    case: Case
    id: str
    next_at: datetime


Change = tuple[CaseFile, CaseFile]
"""A locked case file before and after."""


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
    added = await _add_cases(session, [case_row(file.case) for file in new])
    belonging = [(file.case, clock) for file in new if key_of(file) in added for clock in file.clocks]
    connection = await session.connection()
    await copy_rows(connection, clocks, [clock_row(case, clock) for case, clock in belonging])
    facts = [fact_row(case.tenant, clock.id, known) for case, clock in belonging for known in clock.facts]
    await copy_rows(connection, clock_facts, facts)
    said = [announcement_row(case.tenant, clock.id, one) for case, clock in belonging for one in clock.announced]
    await copy_rows(connection, clock_announcements, said)
    if any(has_timer(file) for file in new):
        await wake(session, TIMER_CHANNEL)
    return added


async def _add_cases(session: AsyncSession, rows: Sequence[dict[str, Any]]) -> set[CaseKey]:
    """Store these cases, in the order of their key, and say which are new; there hardly ever is a case of the same origin already."""
    connection = await session.connection()
    try:
        async with connection.begin_nested():
            await copy_rows(connection, cases, rows)
    except asyncpg.UniqueViolationError:
        adding = insert(cases).on_conflict_do_nothing().returning(cases.c.tenant, cases.c.id)
        return {CaseKey(*row) for row in await session.execute(adding, rows)}
    return {CaseKey(row["tenant"], row["id"]) for row in rows}


async def load(session: AsyncSession, calendars: Calendars, keys: Collection[CaseKey], *, lock: bool = True) -> dict[CaseKey, CaseFile]:
    """The case files with these keys that exist, locked until the transaction ends unless they are only to be read."""
    found: dict[CaseKey, CaseFile] = {}
    ordered = sorted(keys)
    for some in (ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE)):
        rows = (await session.execute(statements.LOCKED_CASES if lock else statements.CASES, keyed(some))).all()
        clocks_of = await session.execute(statements.CLOCKS_OF_CASES, keyed((row.tenant, row.id) for row in rows))
        found |= {key_of(file): file for file in await _files(session, calendars, map(read_case, rows), clocks_of.all())}
    return found


async def load_due(session: AsyncSession, calendars: Calendars, due: Sequence[DueClock]) -> list[CaseFile]:
    """The files of the cases of these clocks, in their order, without any other clock."""
    clocks_due = await session.execute(statements.CLOCKS, keyed((one.case.tenant, one.id) for one in due))
    mine = {CaseKey(one.case.tenant, one.case.id): one.case for one in due}
    return await _files(session, calendars, mine.values(), clocks_due.all())


async def save(session: AsyncSession, changes: Iterable[Change]) -> None:
    """Store what differs between two states, before and after, of locked case files."""
    changes = sorted(changes, key=lambda change: key_of(change[0]))
    await _execute(session, _UPDATE_CASE, [_keyed(case_row(new.case)) for old, new in changes if new.case != old.case])
    pairs = _changed_clocks(changes)
    gone = [{"tenant": case.tenant, "clock": old.id, "id": k.id} for case, old, new in pairs for k in old.facts if k not in new.facts]
    if gone:
        await session.execute(statements.DELETE_FACTS, by_column(gone))
    known = [fact_row(case.tenant, new.id, fact) for case, old, new in pairs for fact in new.facts if fact not in old.facts]
    await _execute(session, sa.insert(clock_facts), known)
    await _save_readings(session, changes, pairs)


async def save_fired(session: AsyncSession, changes: Sequence[Change], said: Sequence[int]) -> None:
    """Store what a timer may change in locked case files: how many events were said about each, and what clocks say and have announced."""
    numbered = {**keyed((old.case.tenant, old.case.id) for old, _ in changes), "records": said}
    await session.execute(statements.NUMBER_CASES, numbered)
    await _save_readings(session, changes, _changed_clocks(changes))


async def write_journal(session: AsyncSession, entries: Iterable[Entry]) -> None:
    """Add lines to the journals of locked cases, in this order."""
    await copy_rows(await session.connection(), journal, [entry._asdict() for entry in entries])


async def _files(session: AsyncSession, calendars: Calendars, of: Iterable[Case], of_clocks: Sequence[Any]) -> list[CaseFile]:
    """The files of these cases, in their order, with the clocks of these rows."""
    mine = keyed((row.tenant, row.id) for row in of_clocks)
    facts_of = _by_clock(await session.execute(statements.FACTS, mine), read_fact)
    announced_of = _by_clock(await session.execute(statements.ANNOUNCEMENTS, mine), read_announcement)
    known = await calendars.of(session, {CalendarKey(row.tenant, row.calendar_id, row.calendar_version) for row in of_clocks})
    clocks_of: dict[tuple[str, str], list[CaseClock]] = defaultdict(list)
    for row in of_clocks:
        clock = read_clock(row, known, facts_of[row.tenant, row.id], announced_of[row.tenant, row.id])
        clocks_of[row.tenant, row.case_id].append(clock)
    return [CaseFile(case, tuple(clocks_of[case.tenant, case.id])) for case in of]


def _changed_clocks(changes: Sequence[Change]) -> list[tuple[Case, CaseClock, CaseClock]]:
    """The clocks whose rows change, before and after, each with its case after it."""
    return [
        (new.case, before, after)
        for old, new in changes
        for before, after in zip(old.clocks, new.clocks, strict=True)
        if before != after or old.case.severity != new.case.severity
    ]


async def _save_readings(session: AsyncSession, changes: Sequence[Change], pairs: Sequence[tuple[Case, CaseClock, CaseClock]]) -> None:
    if pairs:
        await session.execute(statements.UPDATE_CLOCKS, by_column([reading_row(case, clock) for case, _, clock in pairs]))
    said = [announcement_row(case.tenant, new.id, one) for case, old, new in pairs for one in new.announced if one not in old.announced]
    if said:
        await session.execute(statements.KEEP_ANNOUNCEMENTS, by_column(said))
    if any(has_timer(new) for _, new in changes):
        await wake(session, TIMER_CHANNEL)


def _by_clock(rows: Iterable[Any], read: Callable[[Any], T]) -> dict[tuple[str, str], list[T]]:
    """What rows say, by the tenant and the clock that they begin with."""
    found: dict[tuple[str, str], list[T]] = defaultdict(list)
    for row in rows:
        found[row[0], row[1]].append(read(row))
    return found


async def _execute(session: AsyncSession, statement: sa.Executable, rows: Sequence[dict[str, Any]]) -> None:
    """A statement for each row; parameters are prepared without a pause, hence not for all at once."""
    for first in range(0, len(rows), AT_ONCE):
        await session.execute(statement, rows[first : first + AT_ONCE])


def _keyed(row: dict[str, Any]) -> dict[str, Any]:
    """A row for an update: the key is bound under other names than the columns that are set."""
    return {"b_tenant": row["tenant"], "b_id": row["id"], **{name: value for name, value in row.items() if name not in ("tenant", "id")}}


def _update(table: sa.Table, columns: Iterable[str]) -> sa.Update:
    mine = table.c.tenant == sa.bindparam("b_tenant"), table.c.id == sa.bindparam("b_id")
    return sa.update(table).where(*mine).values({name: sa.bindparam(name) for name in columns if name not in ("tenant", "id")})


_UPDATE_CASE = _update(cases, CASE_COLUMNS)
