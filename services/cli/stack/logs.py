"""The log files of the parts: one per part and run, the former run's kept beside it."""

from pathlib import Path

from services.cli.stack.disk import SAID_BY_PROGRAMS

END_BYTES = 8192


def begin(log: Path) -> None:
    """Put the former run's log aside, in place of the one before."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def last_line(log: Path) -> str:
    """The last thing that was said, for an error in one line."""
    lines = _end(log).strip().splitlines()
    return lines[-1] if lines else f"see {log}"


def says_full(log: Path) -> bool:
    """Whether the part lately said that its disk is full."""
    return SAID_BY_PROGRAMS in _end(log)


def _end(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - END_BYTES))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
