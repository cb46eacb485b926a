"""`hearback imports`: the imports of a tenant, wherever they were begun."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from services.cli.client import public_api
from services.cli.import_client import ask
from services.cli.import_file import follow as follow_import
from services.cli.running import join_running_stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Imports, begun here or elsewhere.")
Id = Annotated[str, typer.Argument(metavar="ID")]


@app.command("list")
def list_imports() -> None:
    """Show the latest imports and what became of their rows."""
    asyncio.run(_list())


@app.command()
def follow(import_id: Id, refused: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None) -> None:
    """Watch an import to its end."""
    asyncio.run(_follow(import_id, refused or Path(f"{import_id}.refused.csv")))


@app.command()
def cancel(import_id: Id) -> None:
    """Cancel an import. What it has sent stays."""
    asyncio.run(_cancel(import_id))


async def _list() -> None:
    async with public_api(join_running_stack()) as client:
        page = await ask(client, "GET", "?limit=50")
    numbers = [Column(name, justify="right") for name in ("read", "accepted", "duplicate", "refused")]
    table = Table(Column("id", no_wrap=True), "file", "state", *numbers)
    for view in page["items"]:
        counts = (f"{view[name]:,}" for name in ("read", "accepted", "duplicate", "refused"))
        table.add_row(view["id"], Text(view["file_name"]), view["state"], *counts)
    Console().print(table)


async def _follow(id: str, refused: Path) -> None:
    async with public_api(join_running_stack()) as client:
        await follow_import(client, id, refused, Console())


async def _cancel(id: str) -> None:
    async with public_api(join_running_stack()) as client:
        view = await ask(client, "POST", f"/{id}/cancel")
    typer.echo(f"{id}: {'cancelled' if view['state'] == 'cancelled' else 'will be cancelled within seconds'}")
