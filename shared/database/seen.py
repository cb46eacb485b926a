"""`seen`: what makes at-least-once delivery exactly-once in effect.

A consumer keeps one table whose primary key is (tenant, event) and that has a `revision`; `event` is the 128-bit hash of
the event's source and id. The other columns are the consumer's own record of what the event did, so that a higher
revision can take it back. Time, customer, topic and partition never decide.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import asyncpg
import sqlalchemy as sa
from asyncpg.pgproto.pgproto import UUID
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from shared.database.rows import copy_records


class SeenRow(Protocol):
    """A row of such a table: a named tuple with a field for each column. `event` is the hash as its 16 bytes."""

    @property
    def tenant(self) -> str: ...
    @property
    def event(self) -> bytes: ...
    @property
    def revision(self) -> int: ...
    @property
    def _fields(self) -> tuple[str, ...]: ...


R = TypeVar("R", bound=SeenRow)


@dataclass(frozen=True, slots=True)
class Admission(Generic[R]):
    """What changed: rows of events seen for the first time, and (new, old) rows of events seen with a lower revision.

    An old row has the columns as attributes too, as the database gives them: its `event` is a UUID.
    """

    fresh: Sequence[R]
    revised: Sequence[tuple[R, Any]]


Key = tuple[str, bytes]
"""Tenant and event, as the primary key orders them."""


class _Statements(NamedTuple):
    known: str
    take_out: str
    stage: str
    clear: str
    insert: str
    lock_older: str
    replace: str


@cache
def _statements(table: sa.Table) -> _Statements:
    name, staged = table.name, f"incoming_{table.name}"
    columns = [column.name for column in table.columns]
    same = f"{name}.tenant = {staged}.tenant AND {name}.event = {staged}.event AND {name}.revision < {staged}.revision"
    return _Statements(
        # one range of the primary key a tenant, walked in its order
        known=f"SELECT seen.tenant, seen.event, seen.revision "  # noqa: S608 - our own names
        "FROM unnest(CAST(:tenants AS text[]), CAST(:firsts AS int[]), CAST(:lasts AS int[])) AS asked (tenant, first, last) "
        f"CROSS JOIN LATERAL (SELECT * FROM {name} WHERE {name}.tenant = asked.tenant "
        f"AND {name}.event = ANY((CAST(:events AS uuid[]))[asked.first:asked.last])) AS seen",
        # locked in the order of the key first, which DELETE alone would do in any order
        take_out=f"WITH older AS (SELECT {name}.tenant, {name}.event FROM {name} JOIN "  # noqa: S608 - our own names
        "unnest(CAST(:tenants AS text[]), CAST(:events AS uuid[]), CAST(:revisions AS int[])) AS asked (tenant, event, revision) "
        f"ON {name}.tenant = asked.tenant AND {name}.event = asked.event AND {name}.revision < asked.revision "
        f"ORDER BY {name}.tenant, {name}.event FOR UPDATE OF {name}) "
        f"DELETE FROM {name} USING older WHERE {name}.tenant = older.tenant AND {name}.event = older.event RETURNING {name}.*",
        stage=f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {name}) ON COMMIT DELETE ROWS",
        clear=f"TRUNCATE {staged}",
        insert=f"INSERT INTO {name} SELECT {', '.join(columns)} FROM {staged} ORDER BY tenant, event "  # noqa: S608 - our own names
        "ON CONFLICT DO NOTHING RETURNING tenant, event",
        lock_older=f"SELECT {name}.* FROM {name} JOIN {staged} ON {same} "  # noqa: S608 - our own names
        f"ORDER BY {name}.tenant, {name}.event FOR UPDATE OF {name}",
        replace=f"UPDATE {name} SET {', '.join(f'{c} = {staged}.{c}' for c in columns)} FROM {staged} WHERE {same}",  # noqa: S608 - our own names
    )


def _highest_revisions(rows: Sequence[R]) -> dict[Key, R]:
    """One row an event, the highest revision (the first of equals), in the order of the primary key."""
    highest: dict[str, dict[bytes, R]] = {}
    for row in rows:
        of_tenant = highest.setdefault(row.tenant, {})
        other = of_tenant.setdefault(row.event, row)
        if other.revision < row.revision:
            of_tenant[row.event] = row
    return {
        (tenant, event): row
        for tenant, events in sorted(highest.items(), key=itemgetter(0))
        for event, row in sorted(events.items(), key=itemgetter(0))
    }


async def admit(session: AsyncSession, table: sa.Table, rows: Sequence[R]) -> Admission[R]:
    """Decide which of `rows` change anything, and store exactly those. Does not commit.

    Every row holds every column of `table`. What is new goes in by one COPY, after the older revisions that it replaces were taken
    out; when another consumer has just stored some of it too, everything goes one by one through ON CONFLICT. Either way rows are
    written in the order of their key, so that two consumers cannot lock each other out.
    """
    latest = _highest_revisions(rows)
    if not latest:
        return Admission((), ())
    connection = await session.connection()
    known = await _known(connection, table, latest)
    for key, revision in known.items():
        if latest[key].revision <= revision:
            del latest[key]
    try:
        async with connection.begin_nested():  # the session's own would send its SAVEPOINT only with its next statement
            old = await _taken_out(connection, table, [latest[key] for key in known if key in latest])
            await _copy(connection, table, latest.values())
    except asyncpg.UniqueViolationError:
        return await _admit_with_duplicates(connection, table, list(latest.values()))
    return Admission([row for key, row in latest.items() if key not in old], [(latest[key], row) for key, row in old.items()])


async def _known(connection: AsyncConnection, table: sa.Table, latest: Mapping[Key, SeenRow]) -> dict[Key, int]:
    """The stored revisions of those that were seen before."""
    of_tenant = Counter(tenant for tenant, _ in latest)  # in the order of the keys
    lasts = list(accumulate(of_tenant.values()))
    asked = {
        "tenants": list(of_tenant),
        "firsts": [last - count + 1 for last, count in zip(lasts, of_tenant.values(), strict=True)],
        "lasts": lasts,
        "events": [UUID(event) for _, event in latest],
    }
    found = await connection.execute(sa.text(_statements(table).known), asked)
    return {(tenant, event.bytes): revision for tenant, event, revision in found}


async def _taken_out(connection: AsyncConnection, table: sa.Table, newer: Sequence[SeenRow]) -> dict[Key, Any]:
    """The rows that these replace, deleted. One that another consumer has replaced meanwhile stays, and is in the way of COPY."""
    if not newer:
        return {}
    asked = {
        "tenants": [row.tenant for row in newer],
        "events": [UUID(row.event) for row in newer],
        "revisions": [row.revision for row in newer],
    }
    return _by_key(await connection.execute(sa.text(_statements(table).take_out), asked))


async def _admit_with_duplicates(connection: AsyncConnection, table: sa.Table, latest: Sequence[R]) -> Admission[R]:
    sql = _statements(table)
    await connection.execute(sa.text(sql.stage))
    await connection.execute(sa.text(sql.clear))
    await _copy(connection, table, latest, into=f"incoming_{table.name}")
    inserted = {(row.tenant, row.event.bytes) for row in await connection.execute(sa.text(sql.insert))}
    older = _by_key(await connection.execute(sa.text(sql.lock_older)))
    if older:
        await connection.execute(sa.text(sql.replace))
    keyed = [((row.tenant, row.event), row) for row in latest]
    return Admission(
        fresh=[row for key, row in keyed if key in inserted],
        revised=[(row, older[key]) for key, row in keyed if key in older],
    )


async def _copy(connection: AsyncConnection, table: sa.Table, rows: Iterable[SeenRow], into: str | None = None) -> None:
    records: Sequence[Any] = list(rows)
    if records:
        await copy_records(connection, table, records[0]._fields, records, into)


def _by_key(rows: Iterable[Any]) -> dict[Key, Any]:
    return {(row.tenant, row.event.bytes): row for row in rows}
