"""Many new rows in one go, where no other row can be in their way."""

import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import asyncpg
import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.binary import BEGIN, END, Encode, encoded, encoders
from shared.loops import in_turns

ROWS_AT_ONCE = 500
"""Few enough that PostgreSQL is at work on the first while the others are still being encoded."""

Row = Mapping[str, Any]


async def copy_rows(connection: AsyncConnection, table: sa.Table, rows: Sequence[Row], into: str | None = None) -> None:
    """COPY rows, which all have the same columns, into their table, or `into` one like it. Columns left out get their defaults.

    The connection's transaction must have begun. Raises asyncpg's own errors; does not commit.
    """
    if not rows:
        return
    names = list(rows[0])
    columns = [table.columns[name] for name in names]
    record = itemgetter(*names)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None and driver.is_in_transaction()
    if (encoding := encoders(columns)) is not None:
        await driver.copy_to_table(into or table.name, columns=names, source=_chunks(rows, record, encoding), format="binary")
        return
    documents = [column.name for column in columns if isinstance(column.type, sa.JSON)]
    records = in_turns(record(_with_json(row, documents) if documents else row) for row in rows)
    await driver.copy_records_to_table(into or table.name, columns=names, records=records)


async def _chunks(rows: Sequence[Row], record: "itemgetter[Any]", encoding: Sequence[Encode]) -> AsyncIterator[bytes]:
    """Rows as binary COPY takes them; the driver lets others have the event loop between two chunks."""
    yield BEGIN
    for first in range(0, len(rows), ROWS_AT_ONCE):
        try:
            yield encoded([record(row) for row in rows[first : first + ROWS_AT_ONCE]], encoding)
        except (struct.error, UnicodeError, OverflowError, AttributeError, TypeError) as refused:
            raise asyncpg.DataError(str(refused)) from refused
    yield END


def _with_json(row: Row, documents: Iterable[str]) -> Row:
    return {**row, **{name: None if row[name] is None else msgspec.json.encode(row[name]).decode() for name in documents}}
