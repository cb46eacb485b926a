"""`hearback imports`: the imports of a tenant, wherever they were begun."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.import_file import follow as follow_import
from services.cli.import_file import imports_api, start_and_follow
from services.cli.import_screen import account, printable

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Imports, begun here or elsewhere.")
Id = Annotated[str, typer.Argument(metavar="ID")]
Refused = Annotated[Path | None, typer.Option(help="Where refused rows go; ID.refused.csv when not given.")]


@app.command("list")
def list_imports() -> None:
    """Show the latest imports and what became of their rows."""
    asyncio.run(_list())


@app.command()
def start(import_id: Id, refused: Refused = None) -> None:
    """Start an import that waits, and watch it to its end."""
    asyncio.run(start_and_follow(import_id, refused or _refused(import_id), Console()))


@app.command()
def follow(import_id: Id, refused: Refused = None) -> None:
    """Watch an import to its end."""
    asyncio.run(_follow(import_id, refused or _refused(import_id)))


@app.command()
def cancel(import_id: Id) -> None:
    """Cancel an import. What it has sent stays."""
    asyncio.run(_cancel(import_id))


async def _list() -> None:
    async with imports_api() as api:
        page = await api.ask("GET", "?limit=50")
    for view in page["items"]:
        typer.echo(f"{view['id']}  {view['created_at'][:16]}  {view['state']:9}  {printable(view['file_name'])}: {next(account(view))}")


async def _follow(id: str, refused: Path) -> None:
    async with imports_api() as api:
        await follow_import(api, id, refused, Console())


async def _cancel(id: str) -> None:
    async with imports_api() as api:
        view = await api.ask("POST", f"/{id}/cancel")
    ended = view["state"] in ("done", "failed", "cancelled")
    typer.echo(f"{id}: {view['state'] if ended else 'will be cancelled within seconds'}")


def _refused(import_id: str) -> Path:
    return Path(f"{import_id}.refused.csv")
