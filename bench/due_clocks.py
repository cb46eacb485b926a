"""Cases with due clocks in closed_loop's database, made as the service makes them and copied, and one bare statement that fires them."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from services.closed_loop.domain.case import CaseFile
from services.closed_loop.domain.decisions import fire
from services.closed_loop.domain.opening import DEFAULT_CONFIGURATION, NewCase, open_case
from services.closed_loop.domain.policy import Traits
from services.closed_loop.schema import cases, clock_announcements, clock_facts, clocks
from services.closed_loop.store import add_files
from shared.database.engine import Sessions

NAMED = {cases: ("id", "origin_id"), clocks: ("id", "case_id"), clock_facts: ("clock",), clock_announcements: ("clock",)}
"""The columns of each table that tell one case from another."""
PATTERN = "pattern"
TARGET = timedelta(hours=24)
"""Of the first response, in the default policy."""

_FIRE = """
    case_after AS (
        UPDATE cases SET sequence = sequence + 1 FROM due WHERE cases.tenant = due.tenant AND cases.id = due.case_id
        RETURNING cases.tenant, cases.id, cases.version, cases.sequence, cases.policy
    ), clock_after AS (
        UPDATE clocks SET status = 'breached', breached_at = clocks.due_at, next_at = NULL
        FROM due WHERE clocks.tenant = due.tenant AND clocks.id = due.id
        RETURNING clocks.*
    ), announced AS (
        INSERT INTO clock_announcements (tenant, clock, cycle, generation, kind, percent, at, detected_at, told, retracted)
        SELECT tenant, id, cycle, generation, 'breached', 0, due_at, now(), true, false FROM clock_after
    ), journaled AS (
        INSERT INTO journal (tenant, case_id, version, at, entry, actor, via, text, details)
        SELECT c.tenant, c.id, c.version, now(), 'clock.breached', 'timer', 'clocks', NULL,
            jsonb_build_object('clock', k.kind, 'cycle', k.cycle, 'generation', k.generation, 'due_at', k.due_at, 'breached_at', k.due_at)
        FROM clock_after k JOIN case_after c ON c.tenant = k.tenant AND c.id = k.case_id
    )
    INSERT INTO outbox (topic, key, value, header_names, header_values)
    SELECT 'cases.events.v1', convert_to(c.tenant || ':' || c.id, 'UTF8'), convert_to(json_build_object(
        'specversion', '1.0', 'id', k.id, 'source', '/closed_loop/cases', 'type', 'clock.breached.v1', 'time', now(), 'tenant', c.tenant,
        'receivedat', now(), 'subject', c.id, 'sequence', c.sequence, 'data', json_build_object('case', c.id, 'version', c.version,
        'clock', k.id, 'kind', k.kind, 'cycle', k.cycle, 'generation', k.generation, 'due_at', k.due_at, 'breached_at', k.due_at,
        'policy', json_build_object('id', c.policy, 'version', 1), 'calendar', json_build_object('id', k.calendar_id, 'version', 1)
        ))::text, 'UTF8'), '{}', '{}'
    FROM clock_after k JOIN case_after c ON c.tenant = k.tenant AND c.id = k.case_id
"""
"""What follows `WITH due AS (…)`: the same rows as the service writes for a breach, made by the database alone."""

FIRE_ONE = f"""
    WITH due AS (
        SELECT tenant, id, case_id FROM clocks
        WHERE tenant = split_part($1, ' ', 1) AND id = split_part($1, ' ', 2) AND next_at <= now() FOR UPDATE
    ),
    {_FIRE}
"""
"""Of the clock that is named by its tenant and its id, with a space between them."""
FIRE_MANY = f"""
    WITH due AS (SELECT tenant, id, case_id FROM clocks WHERE next_at <= now() ORDER BY next_at LIMIT 1000 FOR UPDATE SKIP LOCKED),
    {_FIRE}
"""


def pattern(tenant: str, due_at: datetime) -> CaseFile:
    """An open case whose first response is due at `due_at`; what the default policy says came before has been announced."""
    received_at = due_at - TARGET
    new = NewCase(tenant, "/bench", "pattern", Traits("complaint", "email"), received_at, customer="c-1")
    return fire(open_case(new, DEFAULT_CONFIGURATION, received_at).file, due_at - timedelta(hours=1)).file


async def fill(sessions: Sessions, tenant: str, count: int, due_at: datetime, every: timedelta = timedelta()) -> None:
    """`count` open cases of `tenant`; the first response of the first is due at `due_at`, that of each one after it `every` later."""
    async with sessions.begin() as session:
        await session.execute(sa.text("SET LOCAL session_replication_role = replica"))  # copies need no proof that they fit together
        await add_files(session, [pattern(PATTERN, due_at)])
        for table, named in NAMED.items():
            columns = [column for column in table.columns if column.identity is None]
            copied = ", ".join(_copied(column, named) for column in columns)
            await session.execute(
                sa.text(f"""
                    INSERT INTO {table.name} ({", ".join(column.name for column in columns)})
                    SELECT {copied} FROM {table.name}, generate_series(0, :count - 1) AS n WHERE tenant = :pattern
                """),
                {"tenant": tenant, "count": count, "pattern": PATTERN, "every": every},
            )
        for table in reversed(NAMED):
            await session.execute(table.delete().where(table.c.tenant == PATTERN))


def _copied(column: "sa.Column[object]", named: tuple[str, ...]) -> str:
    if column.name == "tenant":
        return "CAST(:tenant AS text)"
    if column.name in named:
        return f"CAST(CAST(md5(CAST(:tenant AS text) || {column.name} || n) AS uuid) AS text)"
    return f"{column.name} + n * CAST(:every AS interval)" if isinstance(column.type, sa.DateTime) else column.name
