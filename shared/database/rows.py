"""Many new rows in one go, where no other row can be in their way."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.loops import in_turns

Row = Mapping[str, Any]


async def copy_rows(connection: AsyncConnection, table: sa.Table, rows: Sequence[Row], into: str | None = None) -> None:
    """COPY rows, which all have the same columns, into their table, or `into` one like it. Columns left out get their defaults.

    The connection's transaction must have begun. Raises asyncpg's own errors; does not commit.
    """
    if not rows:
        return
    columns = list(rows[0])
    documents = [name for name in columns if isinstance(table.columns[name].type, sa.JSON)]
    record = itemgetter(*columns)
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None and driver.is_in_transaction()
    records = in_turns(record(_with_json(row, documents) if documents else row) for row in rows)
    await driver.copy_records_to_table(into or table.name, columns=columns, records=records)


def _with_json(row: Row, documents: Iterable[str]) -> Row:
    return {**row, **{name: None if row[name] is None else msgspec.json.encode(row[name]).decode() for name in documents}}
