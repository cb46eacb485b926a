"""The `hearback` command. Each command, or group of them, is a module of its own; this one finds them and says errors in one line."""

import gc
import importlib
import sys
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

from services.cli.running import here
from services.cli.stack.disk import FULL, disk_full
from shared.errors import ConfigurationError, HearbackError

MODULES = {
    "up": "up",
    "stop": "stopping",
    "status": "status",
    "serve": "serve",
    "migrate": "migrate",
    "topics": "topics",
    "keys": "keys",
    "series": "series",
    "offsets": "offsets",
    "dead-letters": "dead_letters",
    "simulate": "simulate",
    "replay": "replay",
    "import": "import_file",
    "imports": "imports",
    "surveys": "surveys",
    "listen": "listen",
}


class Commands(TyperGroup):
    """Imports a command when it is called: most need little, and what all of them need together takes seconds to import."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in MODULES:
            return None
        command = typer.main.get_command(importlib.import_module(f"services.cli.{MODULES[cmd_name]}").app)
        command.name = cmd_name
        return command


OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Importing makes many objects and next to no garbage; looking for it took a fifth of every start."""

app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def hearback() -> None:
    """Run Hearback and look after it."""


def run() -> None:
    """The entry point. Exit codes: 2 for a configuration that must be changed, 1 for what may succeed later."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    try:
        app()
    except ConfigurationError as refused:
        _end(str(refused), code=2)
    except HearbackError as failed:
        _end(str(failed), code=1)
    except OSError as failed:
        if failed.errno not in FULL:
            raise
        _end(str(disk_full(here().folder)), code=2)


def _end(line: str, code: int) -> None:
    typer.echo(f"hearback: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    run()
