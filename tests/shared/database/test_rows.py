"""New rows by COPY, on real PostgreSQL."""

from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from shared.database.engine import Sessions
from shared.database.rows import copy_rows
from shared.database.sqlstates import typed_database_errors
from shared.errors import InvalidEvent
from tests.shared.tables import metadata

AUDIT = metadata.tables["audit"]
KEYS = metadata.tables["idempotency_keys"]
AT = datetime(2026, 3, 4, tzinfo=UTC)


def audited(actor: str, after: object) -> dict[str, object]:
    return {"tenant": "acme", "at": AT, "actor": actor, "action": "replace", "object": "policies", "before": None, "after": after}


async def test_documents_nulls_and_defaults_are_stored(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("SELECT 1"))
        await copy_rows(await session.connection(), AUDIT, [audited("a", {"é": [1, None]}), audited("b", "text"), audited("c", None)])

    async with sessions.begin() as session:
        rows = (await session.execute(AUDIT.select().order_by(AUDIT.c.position))).all()
    assert [(row.position, row.actor, row.at, row.before, row.after) for row in rows] == [
        (rows[0].position, "a", AT, None, {"é": [1, None]}),
        (rows[0].position + 1, "b", AT, None, "text"),
        (rows[0].position + 2, "c", AT, None, None),
    ]


async def test_a_row_in_the_way_and_refused_data_are_told(sessions: Sessions) -> None:
    key = {"tenant": "acme", "route": "r", "key": "k", "request_hash": b"", "status": 200, "response": {}, "created_at": AT}

    async with sessions() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(asyncpg.UniqueViolationError):
            await copy_rows(await session.connection(), KEYS, [key, key])
    async with sessions() as session:
        await session.execute(text("SELECT 1"))
        with pytest.raises(InvalidEvent), typed_database_errors():
            await copy_rows(await session.connection(), AUDIT, [audited("a", {"text": "a\x00b"})])
