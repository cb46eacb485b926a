"""Long lists in a query: as arrays, one parameter a column, because a statement takes at most 32,767 parameters."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg


def among(columns: Sequence[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> sa.ColumnElement[bool]:
    """Whether these columns hold one of `rows`."""
    listed = sorted(set(map(tuple, rows)))
    names = [f"c{position}" for position in range(len(columns))]
    arrays = [sa.literal([row[position] for row in listed], pg.ARRAY(column.type)) for position, column in enumerate(columns)]
    wanted = sa.func.unnest(*arrays).table_valued(*names).render_derived()
    return sa.tuple_(*columns).in_(sa.select(*(wanted.c[name] for name in names)))


def one_of(column: sa.ColumnElement[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Whether this column holds one of `values`."""
    return column == sa.any_(sa.literal(list(values), pg.ARRAY(column.type)))
