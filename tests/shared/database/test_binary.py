"""What our own encoding of rows stores, on real PostgreSQL, beside what was given."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.dialects import postgresql as pg

from shared.database.engine import Sessions
from shared.database.rows import ROWS_AT_ONCE, copy_rows
from shared.database.sqlstates import typed_database_errors
from shared.errors import InvalidEvent

KINDS = sa.Table(
    "every_kind",
    sa.MetaData(),
    sa.Column("id", sa.Integer, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("maybe", sa.Text, nullable=True),
    sa.Column("event", sa.Uuid, nullable=False),
    sa.Column("small", sa.SmallInteger, nullable=False),
    sa.Column("big", sa.BigInteger, nullable=False),
    sa.Column("truth", sa.Boolean, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("texts", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("numbers", pg.ARRAY(sa.BigInteger), nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("raws", pg.ARRAY(sa.LargeBinary), nullable=False),
    sa.Column("document", pg.JSONB, nullable=False),
)
AT = datetime(2026, 3, 4, 5, 6, 7, 891, tzinfo=UTC)


def row(id: int = 0, **changes: Any) -> dict[str, Any]:
    plain = {"words": "plain", "maybe": None, "event": uuid.UUID(int=id), "small": 1, "big": 2, "truth": True, "at": AT}
    return {"id": id, **plain, "texts": ("nps",), "numbers": (9,), "raw": b"x", "raws": (b"x",), "document": {}, **changes}


async def stored(sessions: Sessions, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async with sessions() as session:
        await session.execute(sa.schema.CreateTable(KINDS))
        await copy_rows(await session.connection(), KINDS, rows)
        return [dict(found) for found in (await session.execute(KINDS.select().order_by(KINDS.c.id))).mappings()]


async def test_every_kind_of_column_is_stored_as_given_to_its_ends(sessions: Sessions) -> None:
    rows = [
        row(1, words="", maybe="", small=-(2**15), big=-(2**63), truth=False, texts=(), numbers=(), raw=b"", raws=()),
        row(2, words="x" * 65 + "ä語🙂", maybe="語", event=uuid.UUID(int=2**128 - 1), small=2**15 - 1, big=2**63 - 1),
        row(3, at=datetime(1900, 1, 1, tzinfo=UTC), texts=("a", "", "ä"), numbers=(-1, 0, 2**63 - 1)),
        row(4, at=datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-11))), numbers=tuple(range(200))),
        row(5, raw=bytes(range(256)), raws=(b"\x00", b"", bytes(9000)), document={"ä": [1, None, 0.5, "🙂"], "": {}}),
    ]

    found = await stored(sessions, rows)

    lists = ("texts", "numbers", "raws")
    assert found == [{**one, **{name: list(one[name]) for name in lists}} for one in rows]


async def test_rows_of_several_portions_are_all_stored(sessions: Sessions) -> None:
    rows = [row(number, words=f"number {number}") for number in range(2 * ROWS_AT_ONCE + 1)]

    found = await stored(sessions, rows)

    assert [(one["id"], one["words"]) for one in found] == [(one["id"], one["words"]) for one in rows]


@pytest.mark.parametrize("changes", [{"small": 2**15}, {"big": 2**63}, {"words": "\ud800"}, {"words": "a\x00b"}, {"words": None},
                                     {"document": "a\x00b"}, {"document": object()}])  # fmt: skip
async def test_what_a_column_cannot_hold_is_refused_as_data(sessions: Sessions, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent), typed_database_errors():
        await stored(sessions, [row(1), row(2, **changes)])


async def test_a_connection_is_of_use_after_a_refused_row(sessions: Sessions) -> None:
    async with sessions() as session:
        connection = await session.connection()
        await session.execute(sa.schema.CreateTable(KINDS))
        with pytest.raises(asyncpg.DataError):
            async with connection.begin_nested():
                await copy_rows(connection, KINDS, [row(number) for number in range(ROWS_AT_ONCE)] + [row(1, big=2**63)])

        assert (await session.execute(text("SELECT count(*) FROM every_kind"))).scalar_one() == 0
