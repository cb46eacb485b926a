"""`hearback serve`: one service in this process."""

import importlib
from typing import Annotated

import typer

from services.cli.running import join_running_stack
from services.cli.settings import ServiceName
from shared.errors import ConfigurationError

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    service: ServiceName,
    role: Annotated[list[str] | None, typer.Option(help="Only these of its roles; all when not given.")] = None,
) -> None:
    """Run one service in this process until SIGTERM."""
    join_running_stack()
    module = importlib.import_module(f"services.{service}.main")
    roles = frozenset(role) if role else module.ROLES
    if unknown := roles - module.ROLES:
        raise ConfigurationError(f"{service} has no role {', '.join(sorted(unknown))}; it has {', '.join(sorted(module.ROLES))}")
    raise typer.Exit(module.main(roles))
