"""A full disk, said in one line, wherever it is noticed."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import ConfigurationError, Unavailable

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LEAST_FREE_BYTES = 300_000_000
SAID_BY_PROGRAMS = "No space left on device"


def disk_full(folder: Path) -> ConfigurationError:
    """The line to end with; `folder` is somewhere on the full disk."""
    return ConfigurationError(f"the disk that holds {folder} is full: free some space, then start again")


def require_space(folder: Path) -> None:
    """Raises ConfigurationError when there is less room than a first start needs."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise ConfigurationError(
            f"only {free / 1e6:.0f} MB are free on the disk that holds {folder}, {LEAST_FREE_BYTES / 1e6:.0f} MB are needed: "
            "free some space, then start again"
        )


@contextmanager
def patient_with_full_disk(part: str, folder: Path) -> Iterator[None]:
    """Turn the error of a full disk into Unavailable: a part that ran before waits until somebody has made room."""
    try:
        yield
    except OSError as failed:
        if failed.errno not in FULL:
            raise
        raise Unavailable(part, str(disk_full(folder))) from None


def raise_if_full(output: str, folder: Path) -> None:
    """Raises ConfigurationError when a program's output says that the disk is full."""
    if SAID_BY_PROGRAMS in output:
        raise disk_full(folder)
