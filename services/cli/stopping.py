"""`hearback stop`: ends the supervisor that holds this folder, or what a killed one left."""

import fcntl
import os
import signal
import time
from collections.abc import Callable

import typer

from services.cli.running import here
from services.cli.stack import leftovers
from services.cli.stack.layout import State
from shared.errors import Unavailable

PATIENCE_SECONDS = 120.0

app = typer.Typer(add_completion=False)


@app.command()
def stop() -> None:
    """Stop the stack that runs here, in order; its data stays."""
    stop_stack(here(), typer.echo)


def stop_stack(state: State, say: Callable[[str], None]) -> None:
    """Ask the supervisor to end and wait until it has. Raises Unavailable when it does not."""
    pid = holder(state)
    if pid is None:
        left = leftovers.end(state.process_file)
        say(f"stopped what a killed run had left: {', '.join(left)}" if left else "nothing runs here")
        return
    os.kill(pid, signal.SIGTERM)
    say(f"stopping the stack (pid {pid})")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while holder(state) == pid:
        if time.monotonic() > deadline:
            raise Unavailable("stack", f"pid {pid} does not end; `kill -9 {pid}` ends it, the data is safe")
        time.sleep(0.1)
    say("stopped")


def holder(state: State) -> int | None:
    """The pid of the supervisor that has this folder; None when none has."""
    try:
        with state.lock_file.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read())
    except FileNotFoundError:
        return None
    return None
