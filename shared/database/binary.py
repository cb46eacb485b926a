"""Rows in PostgreSQL's binary COPY format.

The driver encodes them too, but asks of every value of every row what it is; here a table's columns are asked once, and short
texts and arrays, of which few are different, are encoded once. https://www.postgresql.org/docs/current/sql-copy.html (File Formats)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

Encode = Callable[[Any], bytes]

BEGIN = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
END = b"\xff\xff"
REMEMBERED = 4096
SHORT, FEW = 64, 8
"""Up to so many characters, or elements, a value is remembered."""
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT2, _INT4, _INT8 = Struct(">ih"), Struct(">ii"), Struct(">iq")
_NULL = b"\xff\xff\xff\xff"
_TEXT_OID, _INT8_OID, _BYTEA_OID = 25, 20, 17
_json = msgspec.json.Encoder().encode


def encoders(columns: Iterable[sa.Column[Any]]) -> list[Encode]:
    """What encodes the values of these columns, each with its length. Raises KeyError for a type that is not written here yet."""
    return [_or_null(_of_type(column.type)) if column.nullable else _of_type(column.type) for column in columns]


def encoded(rows: Sequence[Sequence[Any]], columns: Sequence[Encode]) -> bytes:
    """Rows, at least one, without BEGIN and END; column by column, which takes half the time.

    Raises OverflowError, struct.error, UnicodeError, TypeError or AttributeError for what a column cannot hold.
    """
    values = [map(encode, column) for encode, column in zip(columns, zip(*rows, strict=True), strict=True)]
    head = len(columns).to_bytes(2, "big")
    return b"".join(chain.from_iterable(zip(repeat(head, len(rows)), *values, strict=True)))


def _of_type(kind: sa.types.TypeEngine[Any]) -> Encode:
    return _ARRAYS[type(kind.item_type)] if isinstance(kind, sa.ARRAY) else _SCALARS[type(kind)]


def _or_null(encode: Encode) -> Encode:
    return lambda value: _NULL if value is None else encode(value)


def _text(value: str) -> bytes:
    return _short_text(value) if len(value) <= SHORT else _measured(value.encode())


@lru_cache(maxsize=REMEMBERED)
def _short_text(value: str) -> bytes:
    return _measured(value.encode())


def _measured(written: bytes) -> bytes:
    return len(written).to_bytes(4, "big") + written


def _document(value: Any) -> bytes:
    return _measured(b"\x01" + _json(value))  # the version of the format, then text


def _uuid(value: UUID | bytes) -> bytes:
    return b"\x00\x00\x00\x10" + (value if isinstance(value, bytes) else value.bytes)


def _instant(value: datetime) -> bytes:
    return _INT8.pack(8, (value - _EPOCH) // _MICROSECOND)


def _array(oid: int, element: Encode) -> Encode:
    def whole(values: Sequence[Any]) -> bytes:
        shape = [1, 0, oid, len(values), 1] if values else [0, 0, oid]  # dimensions, no nulls, type, length and first index
        return _measured(b"".join([*(number.to_bytes(4, "big") for number in shape), *map(element, values)]))

    short = lru_cache(maxsize=REMEMBERED)(whole)
    return lambda values: short(tuple(values)) if len(values) <= FEW else whole(values)


@lru_cache(maxsize=REMEMBERED)
def _integer(value: int) -> bytes:
    return _INT4.pack(4, value)


def _bigint(value: int) -> bytes:
    return _INT8.pack(8, value)


_SCALARS: Mapping[type[Any], Encode] = {
    sa.Text: _text,
    sa.Uuid: _uuid,
    sa.SmallInteger: lambda value: _INT2.pack(2, value),
    sa.Integer: _integer,
    sa.BigInteger: _bigint,
    sa.Boolean: lambda value: b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00",
    sa.DateTime: _instant,
    sa.LargeBinary: _measured,
    pg.JSONB: _document,
}
_ARRAYS: Mapping[type[Any], Encode] = {
    sa.Text: _array(_TEXT_OID, _text),
    sa.BigInteger: _array(_INT8_OID, _bigint),
    sa.LargeBinary: _array(_BYTEA_OID, _measured),
}
