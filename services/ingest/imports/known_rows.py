"""Which rows of a file were there before: an index on disk, made anew from the file by whoever goes on with it.

It holds 16 bytes a row and as many again where rows have ids: about 60 bytes of temporary disk a row, and some megabytes of memory
whatever the number of rows.
"""

import sqlite3
from pathlib import Path
from typing import Literal

_CACHE_KIBIBYTES = 8192

Known = Literal["new", "same", "other"]


class KnownRows:
    """The rows so far. `key` is what a row is known by, `content` stands for what it says, 16 bytes each."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = off", "synchronous = off", "locking_mode = exclusive", f"cache_size = -{_CACHE_KIBIBYTES}"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE known (key BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, key: bytes, content: bytes) -> Known:
        """Remember a row: `new`; `same` when one with this key and content was there, `other` when one with this key and other content."""
        kept = None if content == key else content
        if self._database.execute("INSERT OR IGNORE INTO known VALUES (?, ?)", (key, kept)).rowcount:
            return "new"
        [(before,)] = self._database.execute("SELECT content FROM known WHERE key = ?", (key,))
        return "same" if before == kept else "other"

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
