"""The `hearback` command. Each group of commands is a module of its own; this one composes them and says errors in one line."""

import importlib
import sys
import time
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from services.cli import dead_letters, keys, listen, offsets, replay, simulate, topics
from services.cli import status as status_command
from services.cli.running import here, join_running_stack
from services.cli.settings import LocalSettings
from services.cli.stack import supervisor
from services.cli.stack.disk import FULL, disk_full
from services.cli.stack.plan import existing_services
from services.cli.stack.screen import screen_for
from services.cli.stopping import stop_stack
from shared.database import migrations
from shared.errors import ConfigurationError, HearbackError
from shared.settings import DatabaseSettings, load

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Run Hearback and look after it.")
app.add_typer(topics.app, name="topics")
app.add_typer(keys.app, name="keys")
app.add_typer(offsets.app, name="offsets")
app.add_typer(dead_letters.app, name="dead-letters")
app.command("status")(status_command.status)
app.command("simulate")(simulate.simulate)
app.command("replay")(replay.replay)
app.command("listen")(listen.listen)

ServiceName = StrEnum("ServiceName", {name: name for name in existing_services()})  # type: ignore[misc]
"""What `serve` and `migrate` take."""


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


@app.command()
def stop() -> None:
    """Stop the stack that runs here, in order; its data stays."""
    stop_stack(here(), typer.echo)


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


@app.command()
def migrate(
    service: Annotated[list[ServiceName] | None, typer.Argument(help="Only these; all that have a database when not given.")] = None,
) -> None:
    """Bring the databases of the services to the newest schema."""
    join_running_stack()
    settings = load(LocalSettings)
    urls = {name: settings.database_url_of(name) for name in service or existing_services()}
    known = {name: url for name, url in urls.items() if url is not None}
    if not known:
        raise ConfigurationError("no database is known: start the stack with `make run`, or set HEARBACK_<SERVICE>_DATABASE_URL")
    for name, url in known.items():
        migrations.upgrade(name, DatabaseSettings(url=url))
        typer.echo(f"{name}: up to date")


def run() -> None:
    """The entry point. Exit codes: 2 for a configuration that must be changed, 1 for what may succeed later."""
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
