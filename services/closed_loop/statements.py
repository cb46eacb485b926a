"""The SQL that reads and writes many case files at once: keys and rows go as one array a column, so that a batch is one statement."""

# ruff: noqa: S608 - the names are those of our own tables and columns

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.closed_loop.rows import ANNOUNCEMENT_COLUMNS, CASE_COLUMNS, CLOCK_COLUMNS, FACT_COLUMNS, READING_COLUMNS, Row
from services.closed_loop.schema import clock_announcements, clock_facts, clocks

_DIALECT = pg.dialect()  # type: ignore[no-untyped-call]

Key = tuple[str, str]
"""A tenant, and an id of its."""


def keyed(keys: Iterable[Key]) -> dict[str, list[str]]:
    """Keys for the statements that read."""
    ordered = list(keys)
    return {"tenants": [tenant for tenant, _ in ordered], "ids": [id for _, id in ordered]}


def by_column(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows, at least one, for the statements that write."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _columns(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _new(table: sa.Table, names: Sequence[str]) -> str:
    """The rows `new` out of arrays of the types of the table's columns."""
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(_DIALECT)}[])" for name in names)
    return f"unnest({arrays}) AS new ({', '.join(names)})"


def _values(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = new.{name}" for name in names)


_WANTED = "unnest(CAST(:tenants AS text[]), CAST(:ids AS text[])) AS wanted (tenant, id)"
_CASES = f"SELECT {_columns('c', CASE_COLUMNS)} FROM {_WANTED} JOIN cases c USING (tenant, id) ORDER BY c.tenant, c.id"
CASES = sa.text(_CASES)
LOCKED_CASES = sa.text(f"{_CASES} FOR UPDATE OF c")

_CLOCKS = f"""
    SELECT {_columns("k", CLOCK_COLUMNS).replace("k.spec", "CAST(k.spec AS text)")}
    FROM {_WANTED} JOIN clocks k ON k.tenant = wanted.tenant
"""
CLOCKS = sa.text(f"{_CLOCKS} AND k.id = wanted.id ORDER BY k.kind")
CLOCKS_OF_CASES = sa.text(f"{_CLOCKS} AND k.case_id = wanted.id ORDER BY k.kind")

FACTS = sa.text(f"""
    SELECT {_columns("f", FACT_COLUMNS).replace("f.target", "CAST(nullif(f.target, 'null') AS text)")}
    FROM {_WANTED} JOIN clock_facts f ON f.tenant = wanted.tenant AND f.clock = wanted.id ORDER BY f.position
""")
ANNOUNCEMENTS = sa.text(f"""
    SELECT {_columns("a", ANNOUNCEMENT_COLUMNS)}
    FROM {_WANTED} JOIN clock_announcements a ON a.tenant = wanted.tenant AND a.clock = wanted.id
""")

# With something unread, only what was due before it may fire, or has waited long enough. Whoever holds a case is changing it and will set
# its timers anew, so it is skipped: the row of the case is the lock. The clock's is locked too because PostgreSQL looks only at locked rows
# again, and what another transaction has just fired is due no more. Each severity is looked up as far as it is needed.
CLAIM_DUE = sa.text(f"""
    WITH due_by AS MATERIALIZED (
        SELECT least(now(), greatest(
            coalesce(min(oldest_unread) - interval '1 microsecond', now()), now() - CAST(:longest AS interval)
        )) AS at
        FROM consumer_offsets WHERE consumer_group = :group AND topic = ANY(CAST(:live AS text[]))
    )
    SELECT severity.rank, due.* FROM unnest(CAST(:severities AS text[])) WITH ORDINALITY AS severity (name, rank)
    CROSS JOIN LATERAL (
        SELECT k.id, k.next_at, {", ".join(f"c.{name} AS case_{name}" for name in CASE_COLUMNS)}
        FROM clocks k JOIN cases c ON c.tenant = k.tenant AND c.id = k.case_id
        WHERE k.severity = severity.name AND k.next_at <= (SELECT at FROM due_by)
        ORDER BY k.next_at
        LIMIT :limit
        FOR UPDATE OF c, k SKIP LOCKED
    ) AS due
    LIMIT :limit
""")

NUMBER_CASES = sa.text("""
    UPDATE cases SET sequence = sequence + said.records
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS text[]), CAST(:records AS int[])) AS said (tenant, id, records)
    WHERE cases.tenant = said.tenant AND cases.id = said.id
""")
UPDATE_CLOCKS = sa.text(f"""
    UPDATE clocks SET {_values(READING_COLUMNS)} FROM {_new(clocks, ("tenant", "id", *READING_COLUMNS))}
    WHERE clocks.tenant = new.tenant AND clocks.id = new.id
""")
KEEP_ANNOUNCEMENTS = sa.text(f"""
    INSERT INTO clock_announcements ({", ".join(ANNOUNCEMENT_COLUMNS)})
    SELECT * FROM {_new(clock_announcements, ANNOUNCEMENT_COLUMNS)}
    ON CONFLICT ON CONSTRAINT {clock_announcements.primary_key.name} DO UPDATE SET retracted = excluded.retracted
""")
DELETE_FACTS = sa.text(f"""
    DELETE FROM clock_facts USING {_new(clock_facts, ("tenant", "clock", "id"))}
    WHERE clock_facts.tenant = new.tenant AND clock_facts.clock = new.clock AND clock_facts.id = new.id
""")
