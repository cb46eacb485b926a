"""How a command finds the stack that runs here: what stack.json says becomes the default of the environment."""

import os
from pathlib import Path

from services.cli.stack.layout import State, find_state
from services.cli.stack.ports import port_variable
from services.cli.stack.stack_file import StackFile


def here() -> State:
    """The folder `.hearback/` of the checkout that the command is called in."""
    return State(find_state(Path.cwd()))


def join_running_stack() -> StackFile | None:
    """Let every settings class that is loaded from now on find the running stack, unless the environment names another.

    Returns what runs, or None when the stack does not run or is still starting.
    """
    state = here()
    if not state.stack_file.exists():
        return None
    stack = StackFile.read(state.stack_file)
    os.environ.setdefault("HEARBACK_KAFKA_BOOTSTRAP", stack.kafka.bootstrap)
    for service, url in stack.postgres.databases.items():
        os.environ.setdefault(f"HEARBACK_{service.upper()}_DATABASE_URL", url)
    for service, listening in stack.services.items():
        os.environ.setdefault(port_variable(service), listening.url.rpartition(":")[2])
    return stack
