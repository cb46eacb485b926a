"""`hearback up`: what `make run` calls."""

import time
from typing import Annotated

import typer
from rich.console import Console

from services.cli.running import here
from services.cli.settings import LocalSettings
from services.cli.stack import supervisor
from services.cli.stack.screen import screen_for
from shared.settings import load

app = typer.Typer(add_completion=False)


@app.command()
def up(
    began: Annotated[float | None, typer.Option(help="When `make run` was started, seconds since the epoch.", hidden=True)] = None,
) -> None:
    """Run the local stack until Ctrl-C: Kafka, PostgreSQL, the services and a simulator."""
    screen = screen_for(Console())
    try:
        supervisor.run(load(LocalSettings), here(), screen, began or time.time())
    finally:
        screen.close()
