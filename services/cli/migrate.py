"""`hearback migrate`: the databases of the services, brought to the newest schema."""

from typing import Annotated

import typer

from services.cli.running import join_running_stack
from services.cli.settings import SERVICES, LocalSettings, ServiceName
from shared.database import migrations
from shared.errors import ConfigurationError
from shared.settings import DatabaseSettings, load

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    service: Annotated[list[ServiceName] | None, typer.Argument(help="Only these; all that have a database when not given.")] = None,
) -> None:
    """Bring the databases of the services to the newest schema."""
    join_running_stack()
    settings = load(LocalSettings)
    urls = {name: settings.database_url_of(name) for name in service or SERVICES}
    known = {name: url for name, url in urls.items() if url is not None}
    if not known:
        raise ConfigurationError("no database is known: start the stack with `make run`, or set HEARBACK_<SERVICE>_DATABASE_URL")
    for name, url in known.items():
        migrations.upgrade(name, DatabaseSettings(url=url))
        typer.echo(f"{name}: up to date")
