"""From a row to the JSON of its event, and to what it is known by. Pure.

A row is known by its id and revision where the mapping names them (or the event of an NDJSON file has them), else by its content.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from services.ingest.imports.cells import Row, row_hash, text_of
from services.ingest.imports.mapping import Mapping, Refused, RowMapper
from shared.errors import FieldError, InvalidEvent

MAX_REASON = 1000
_ERRORS_TOLD = 5


class Interpreted(NamedTuple):
    """A row: its event as JSON, or the reason why it becomes none; the `key` that it is known by; 16 bytes for its `content`."""

    item: bytes | None
    reason: str | None
    key: bytes
    content: bytes


class Interpreter:
    """Ready for the rows of one file. Without a mapping each row of NDJSON is an event already."""

    def __init__(self, mapping: Mapping | None, columns: Sequence[str], zone: ZoneInfo, *, backfill: bool) -> None:
        self._mapper = None if mapping is None else RowMapper(mapping, columns, zone)
        self._columns = columns
        self._backfill = backfill

    def interpret(self, row: Row) -> Interpreted:
        """What the row says."""
        content = row_hash(self._columns, row)
        if row.problem is not None:
            return Interpreted(None, row.problem, content, content)
        try:
            event = self._own(row) if self._mapper is None else self._mapper.event(row.cells)
        except Refused as refused:
            return Interpreted(None, reason_of(refused.errors), content, content)
        event["backfill"] = self._backfill
        return Interpreted(_json(event), None, _key(event) or content, content)

    def _own(self, row: Row) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(row.whole or "")
        return event


def _key(event: dict[str, Any]) -> bytes | None:
    if event.get("id") is None:
        return None
    data = event.get("data")
    named = [str(event.get("source")), str(event["id"]), str(data.get("revision", 1) if isinstance(data, dict) else 1)]
    return hashlib.blake2b(json.dumps(named).encode(), digest_size=16).digest()


def _json(event: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(event)
    except (UnicodeEncodeError, OverflowError, msgspec.EncodeError):  # half a surrogate pair, say, which the contract then names
        return json.dumps(event).encode()


def reason_of(errors: Sequence[FieldError]) -> str:
    """What is wrong with a row, in a line for a person."""
    told = [f"{'.'.join(map(str, error.loc))}: {error.msg}" if error.loc else error.msg for error in errors[:_ERRORS_TOLD]]
    more = [f"and {len(errors) - _ERRORS_TOLD} more"] if len(errors) > _ERRORS_TOLD else []
    return "; ".join(told + more)[:MAX_REASON]


def refusal_of(refused: InvalidEvent) -> str:
    """The same of an event that the contract refuses."""
    return reason_of(refused.errors) or refused.reason


def shown_cells(row: Row) -> list[str]:
    """A row as it is shown to people."""
    return [row.whole] if row.whole is not None else [text_of(cell) for cell in row.cells]
