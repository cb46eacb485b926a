"""`seen`: what makes at-least-once delivery exactly-once in effect.

A consumer keeps one table whose primary key is (tenant, event) and that has a `revision`; `event` is the 128-bit hash of
the event's source and id. The other columns are the consumer's own record of what the event did, so that a higher
revision can take it back. Time, customer, topic and partition never decide.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from shared.database.rows import Row, copy_rows


@dataclass(frozen=True, slots=True)
class Admission:
    """What changed: rows of events seen for the first time, and (new, old) rows of events seen with a lower revision."""

    fresh: Sequence[Row]
    revised: Sequence[tuple[Row, Row]]


Key = tuple[str, int]
"""Tenant and event, as the primary key orders them."""


class _Statements(NamedTuple):
    known: str
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
        stage=f"CREATE TEMPORARY TABLE IF NOT EXISTS {staged} (LIKE {name}) ON COMMIT DELETE ROWS",
        clear=f"TRUNCATE {staged}",
        insert=f"INSERT INTO {name} SELECT {', '.join(columns)} FROM {staged} ORDER BY tenant, event "  # noqa: S608 - our own names
        "ON CONFLICT DO NOTHING RETURNING tenant, event",
        lock_older=f"SELECT {name}.* FROM {name} JOIN {staged} ON {same} "  # noqa: S608 - our own names
        f"ORDER BY {name}.tenant, {name}.event FOR UPDATE OF {name}",
        replace=f"UPDATE {name} SET {', '.join(f'{c} = {staged}.{c}' for c in columns)} FROM {staged} WHERE {same}",  # noqa: S608 - our own names
    )


def _highest_revisions(rows: Sequence[Row]) -> dict[Key, Row]:
    """One row an event, the highest revision (the first of equals), in the order of the primary key."""
    highest: dict[str, dict[int, Row]] = {}
    for row in rows:
        of_tenant = highest.setdefault(row["tenant"], {})
        other = of_tenant.setdefault(row["event"].int, row)
        if other["revision"] < row["revision"]:
            of_tenant[row["event"].int] = row
    return {
        (tenant, event): row
        for tenant, events in sorted(highest.items(), key=itemgetter(0))
        for event, row in sorted(events.items(), key=itemgetter(0))
    }


async def admit(session: AsyncSession, table: sa.Table, rows: Sequence[Row]) -> Admission:
    """Decide which of `rows` change anything, and store exactly those. Does not commit.

    Every row holds every column of `table`. What was not seen before goes in by COPY; a revision, or an event that another
    consumer has just stored too, goes one by one through ON CONFLICT. Either way rows are written in the order of their
    key, so that two consumers cannot lock each other out.
    """
    latest = _highest_revisions(rows)
    if not latest:
        return Admission((), ())
    connection = await session.connection()
    known = await _known(connection, table, latest)
    unseen = [row for key, row in latest.items() if key not in known] if known else list(latest.values())
    higher = {key: latest[key] for key, revision in known.items() if latest[key]["revision"] > revision}
    try:
        async with connection.begin_nested():  # the session's own would send its SAVEPOINT only with its next statement
            await copy_rows(connection, table, unseen)
    except asyncpg.UniqueViolationError:
        return await _admit_with_duplicates(connection, table, list(latest.values()))
    if not higher:
        return Admission(unseen, ())
    return Admission(unseen, (await _admit_with_duplicates(connection, table, [higher[key] for key in sorted(higher)])).revised)


async def _known(connection: AsyncConnection, table: sa.Table, latest: Mapping[Key, Row]) -> dict[Key, int]:
    """The stored revisions of those that were seen before."""
    of_tenant = Counter(tenant for tenant, _ in latest)  # in the order of the keys
    lasts = list(accumulate(of_tenant.values()))
    asked = {
        "tenants": list(of_tenant),
        "firsts": [last - count + 1 for last, count in zip(lasts, of_tenant.values(), strict=True)],
        "lasts": lasts,
        "events": [row["event"] for row in latest.values()],
    }
    found = await connection.execute(sa.text(_statements(table).known), asked)
    return {(tenant, event.int): revision for tenant, event, revision in found}


async def _admit_with_duplicates(connection: AsyncConnection, table: sa.Table, latest: Sequence[Row]) -> Admission:
    sql = _statements(table)
    await connection.execute(sa.text(sql.stage))
    await connection.execute(sa.text(sql.clear))
    await copy_rows(connection, table, latest, into=f"incoming_{table.name}")
    inserted = {(row.tenant, row.event) for row in await connection.execute(sa.text(sql.insert))}
    older = {(row["tenant"], row["event"]): row for row in (await connection.execute(sa.text(sql.lock_older))).mappings()}
    if older:
        await connection.execute(sa.text(sql.replace))
    keyed = [((row["tenant"], row["event"]), row) for row in latest]
    return Admission(
        fresh=[row for key, row in keyed if key in inserted],
        revised=[(row, dict(older[key])) for key, row in keyed if key in older],
    )
