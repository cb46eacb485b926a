"""A small disk of its own, to be filled by a test: a tmpfs, where this process has the right to mount one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.cli.stack.child import run_to_end

BLOCK = bytes(1024 * 1024)


class Disk:
    """`folder` is where the disk is mounted, or an ordinary folder, and `missing` says why."""

    def __init__(self, folder: Path, missing: str | None) -> None:
        self.folder = folder
        self.missing = missing
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave not one byte free."""
        with self._ballast.open("wb", buffering=0) as ballast:
            for block in (BLOCK, BLOCK[:4096]):
                try:
                    while ballast.write(block) == len(block):
                        pass
                except OSError:  # no space left on this device
                    continue

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of this size on `folder`."""
    folder.mkdir()
    code, said = run_to_end("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield Disk(folder, f"no tmpfs can be mounted here: {said}" if code else None)
    finally:
        if code == 0:
            run_to_end("umount", "--lazy", folder)
