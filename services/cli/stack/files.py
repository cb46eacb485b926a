"""Files that a script may read at any moment: replaced whole, never written in place, readable by their owner only."""

import os
import tempfile
from pathlib import Path


def replace_file(path: Path, content: str) -> None:
    """Put `content` in the place of the file, mode 0600. A reader sees the old or the new, never a part."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def read_file(path: Path) -> str | None:
    """The content; None when there is no such file."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
