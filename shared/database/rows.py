"""Many new rows in one go, where no other row can be in their way."""

import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.binary import BEGIN, END, Encode, encoded, encoders

ROWS_AT_ONCE = 500
"""Few enough that PostgreSQL is at work on the first while the others are still being encoded."""

Row = Mapping[str, Any]


async def copy_rows(connection: AsyncConnection, table: sa.Table, rows: Sequence[Row]) -> None:
    """COPY rows, which all have the same columns, into their table. Columns left out get their defaults.

    The connection's transaction must have begun. Raises asyncpg's own errors; does not commit.
    """
    if rows:
        names = list(rows[0])
        await copy_records(connection, table, names, [tuple(map(row.__getitem__, names)) for row in rows])


async def copy_records(
    connection: AsyncConnection, table: sa.Table, names: Sequence[str], records: Sequence[Sequence[Any]], into: str | None = None
) -> None:
    """`copy_rows` for records that hold nothing but the values of the named columns, into their table or `into` one like it."""
    if not records:
        return
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None and driver.is_in_transaction()
    chunks = _chunks(records, encoders(table.columns[name] for name in names))
    await driver.copy_to_table(into or table.name, columns=names, source=chunks, format="binary")


async def _chunks(records: Sequence[Sequence[Any]], encoding: Sequence[Encode]) -> AsyncIterator[bytes]:
    """Records as binary COPY takes them; the driver lets others have the event loop between two chunks."""
    yield BEGIN
    for first in range(0, len(records), ROWS_AT_ONCE):
        try:
            yield encoded(records[first : first + ROWS_AT_ONCE], encoding)
        except (struct.error, UnicodeError, OverflowError, AttributeError, TypeError) as refused:
            raise asyncpg.DataError(str(refused)) from refused
    yield END
