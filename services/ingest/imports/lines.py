"""NDJSON: one JSON object a line. Its columns are the names inside, joined by dots: `customer.id`, `answers.0.score`. Pure."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NoReturn, TextIO

from services.ingest.adapters.node import storable
from services.ingest.imports.cells import MAX_COLUMNS, MAX_NAME, Cell, Row, UnreadableFile
from services.ingest.imports.delimited import MAX_LINE, TOO_LONG, lines_of

MAX_DEPTH = 16
_SAMPLE_LINES = 200


def columns_of(text: TextIO) -> list[str]:
    """The names in the first lines, in their order; what is too long for a name is left out.

    Raises UnreadableFile when there is no object among the lines.
    """
    names: dict[str, None] = {}
    for line in islice(lines_of(text), _SAMPLE_LINES):
        found = _object(line) if line.strip() else None
        if isinstance(found, dict):
            names.update(dict.fromkeys(name for name, _ in _flat(found, "", 0) if 0 < len(name) <= MAX_NAME and name == storable(name)))
    if not names:
        raise UnreadableFile("the first lines hold no JSON object: NDJSON has one in each line")
    return list(names)[:MAX_COLUMNS]


def read(text: TextIO, columns: Sequence[str]) -> Iterator[Row | None]:
    """Every line, with the values of `columns`; None for one that is blank. Raises UnreadableFile for one that does not end."""
    for number, line in enumerate(lines_of(text), start=1):
        if line is TOO_LONG:
            yield Row(number, (), f"is longer than {MAX_LINE:,} characters")
        elif not (said := line.strip()):
            yield None
        else:
            found = _object(said)
            if isinstance(found, str):
                yield Row(number, (), found, said)
            else:
                values = dict(_flat(found, "", 0))
                yield Row(number, [values.get(name) for name in columns], None, said)


def _object(text: str) -> dict[str, Any] | str:
    """The object in a line, or what is wrong with the line."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return "is not readable as JSON"
    return found if isinstance(found, dict) else "should be a JSON object: {…}"


def _flat(value: Any, name: str, depth: int) -> Iterator[tuple[str, Cell]]:
    """The scalars inside an object by their dotted names; what is nested too deep is left out."""
    if isinstance(value, dict | list) and depth < MAX_DEPTH:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif not isinstance(value, dict | list):
        yield name, value


def _no_number(_: str) -> NoReturn:
    raise ValueError("not JSON")
