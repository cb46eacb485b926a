"""A full disk, said in one line, wherever it is noticed."""

import errno
import shutil
from pathlib import Path

from shared.errors import ConfigurationError

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


def raise_if_full(output: str, folder: Path) -> None:
    """Raises ConfigurationError when a program's output says that the disk is full."""
    if SAID_BY_PROGRAMS in output:
        raise disk_full(folder)
