"""A file of history as events to be posted: NDJSON of events, or an open data set known by its header; gzip or not.

Every event is marked as backfill and has an id that only depends on the file, so that a replay can be broken off and begun again.
"""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.open_data import KNOWN, DataSet, Event
from shared.errors import ConfigurationError

GZIP = b"\x1f\x8b"
SOURCE = "/replay"


@dataclass(slots=True)
class Reading:
    """What has been read: rows, and why some of them gave fewer events than a regular row (`irregular`) or none (`left_out`)."""

    rows: int = 0
    irregular: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0


def read_events(path: Path, reading: Reading) -> Iterator[bytes]:
    """The events of the file, each as JSON. Raises ConfigurationError when it cannot be read to its end."""
    with _readable(path), path.open("rb") as file:
        packed = file.peek(len(GZIP)).startswith(GZIP)
        text = io.TextIOWrapper(gzip.GzipFile(fileobj=file) if packed else file, encoding="utf-8-sig", newline="")
        for event in _events(path, text, reading):
            reading.bytes_read = file.tell()
            yield json.dumps({**event, "backfill": True}).encode()


def _events(path: Path, text: io.TextIOWrapper, reading: Reading) -> Iterator[Event]:
    first = text.readline()
    if first.lstrip().startswith("{"):
        yield from _from_lines(first, text, reading)
        return
    columns = next(csv.reader([first]), [])
    known = next((data_set for data_set in KNOWN if data_set.columns <= set(columns)), None)
    if known is None:
        names = ", ".join(data_set.name for data_set in KNOWN)
        raise ConfigurationError(f"{path.name} is neither one event as JSON a line nor a data set that is known by its header ({names})")
    yield from _from_rows(known, columns, text, reading)


def _from_lines(first: str, text: io.TextIOWrapper, reading: Reading) -> Iterator[Event]:
    for number, line in enumerate(_chain(first, text), start=1):
        if not line.strip():
            continue
        reading.rows += 1
        event = _object(line)
        if event is None:
            reading.left_out["is no JSON object"] += 1
        elif event.get("id") is None or event.get("source") is None:
            digest = hashlib.blake2b(f"{number}:{line.strip()}".encode(errors="surrogatepass"), digest_size=16).hexdigest()
            yield {"source": SOURCE, "id": digest, **{name: value for name, value in event.items() if value is not None}}
        else:
            yield event


def _from_rows(data_set: DataSet, columns: list[str], text: io.TextIOWrapper, reading: Reading) -> Iterator[Event]:
    for row in csv.DictReader(text, columns, restval=""):
        reading.rows += 1
        try:
            mapped = data_set.events_of(row)
        except ValueError:
            reading.left_out["has a date that cannot be read"] += 1
            continue
        if mapped.irregular is not None:
            (reading.irregular if mapped.events else reading.left_out)[mapped.irregular] += 1
        yield from mapped.events


def _chain(first: str, rest: io.TextIOWrapper) -> Iterator[str]:
    yield first
    yield from rest


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ConfigurationError(f"{path.name} is broken: it is no whole gzip file") from None
    except PermissionError:
        raise ConfigurationError(f"{path.name} may not be read by this user") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path.name} is not UTF-8 text") from None
    except csv.Error as error:
        raise ConfigurationError(f"{path.name} is no CSV file: {error}") from None
