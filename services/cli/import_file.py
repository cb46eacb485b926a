"""`hearback import FILE`: a file of history becomes events. What it would send is shown first."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from services.cli.client import public_api
from services.cli.import_client import ImportClient, View
from services.cli.import_mapping import changed
from services.cli.import_screen import Bar, account, show_preview
from services.cli.running import join_running_stack
from shared.errors import ConfigurationError

app = typer.Typer(add_completion=False)

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX or NDJSON; gzip is unpacked.")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="A field's column; several: the first not blank; none: leave it out."),
]
Constants = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="A field that is the same in every row.")]
Answers = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="QUESTION=COLUMN:INSTRUMENT[:MIN-MAX][:POLARITY]",
        help="A survey's question, for example effort=Ease:ces:1-7:ease.",
    ),
]
Type = Annotated[str | None, typer.Option("--type", help="What a row is, for example feedback.complaint_raised.")]
MappingFile = Annotated[
    Path | None, typer.Option("--mapping", help="A whole mapping as JSON: see docs/imports.md.", exists=True, dir_okay=False)
]
SystemName = Annotated[
    str | None, typer.Option("--name", help="The system that the file is from; its later files are known by the same ids.")
]


@app.command("import")
def import_file(
    file: File,
    maps: Maps = None,
    constants: Constants = None,
    answers: Answers = None,
    type: Type = None,
    mapping_file: MappingFile = None,
    name: SystemName = None,
    date_format: Annotated[str | None, typer.Option(help="Of the field time: iso, epoch, epoch_ms, excel, or like %d.%m.%Y.")] = None,
    zone: Annotated[str | None, typer.Option(help="Where times without an offset lie; the tenant's zone when not given.")] = None,
    decimal: Annotated[str | None, typer.Option(help="What stands before decimals: . or ,")] = None,
    encoding: Annotated[str | None, typer.Option(help="utf-8, utf-16, gb18030 or cp1252, where it is not recognised.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between two cells, where it is not recognised.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Of an XLSX file; the first when not given.")] = None,
    header_row: Annotated[int, typer.Option(help="Which row holds the names of the columns.", min=1, max=100)] = 1,
    act: Annotated[bool, typer.Option("--act", help="Not history: cases are worked on, people are told.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    refused: Annotated[Path | None, typer.Option(help="Where refused rows go; FILE.refused.csv when not given.")] = None,
) -> None:
    """Import a file, or the same file again: what was taken before is not counted twice.

    Its columns and the first rows as events are shown before anything is sent. Exit code 1 when a row was refused.
    """
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    if file.stat().st_size == 0:
        raise ConfigurationError(f"{file} is empty")
    options = _given({"encoding": encoding, "delimiter": delimiter, "sheet": sheet, "header_row": header_row})
    said = {"file_name": file.name[:256], **_given({"name": name, "act": "true" if act else None}), **options}
    wanted: dict[str, Any] = {"maps": maps or [], "constants": constants or [], "answers": answers or [], "type": type}
    wanted |= {"date_format": date_format, "zone": zone, "decimal": decimal}
    whole = None if mapping_file is None else _mapping(mapping_file)
    console = Console()
    view = asyncio.run(_checked(console, file, said, options, whole, wanted))
    show_preview(console, view)
    if view["preview"]["problems"]:
        _give_up(view, "nothing was sent: settle what is to be decided, with --map, --set, --answer or --date-format")
    if not yes and not _agreed(view):
        _give_up(view, "nothing was sent")
    asyncio.run(start_and_follow(view["id"], refused or file.with_name(f"{file.name}.refused.csv"), console))


def imports_api() -> ImportClient:
    """The imports of the running stack, or of the installation that the environment names. Raises ConfigurationError."""
    return ImportClient(public_api(join_running_stack()))


async def _checked(console: Console, file: Path, said: dict[str, Any], options: dict[str, Any], whole: dict[str, Any] | None,
                   wanted: dict[str, Any]) -> View:  # fmt: skip
    """The import, checked as it is wanted. Raises ConfigurationError when it cannot be read."""
    async with imports_api() as api:
        with Bar(console, "sending") as bar:
            api.waits = bar.waiting
            view = await api.send(file, said, bar.sending)
            view = await api.until(view["id"], {"checking"}, bar.checking)
            mapping = changed(whole or view["mapping"], **wanted) or whole
            if mapping is not None and view["state"] == "waiting":
                await api.ask("PUT", f"/{view['id']}", {"mapping": mapping, "options": options})
                view = await api.until(view["id"], {"checking"}, bar.checking)
    if view["state"] == "failed":
        raise ConfigurationError(f"{file.name} cannot be imported: {view['detail']}")
    return view


async def start_and_follow(id: str, refused: Path, console: Console) -> None:
    """Start an import that waits, and follow it."""
    async with imports_api() as api:
        await api.ask("POST", f"/{id}/start")
        await follow(api, id, refused, console)


async def follow(api: ImportClient, id: str, refused: Path, console: Console) -> None:
    """Show the bar until the import has ended, then its account; refused rows go into a file. Ends with exit code 1 when there are any."""
    try:
        with Bar(console, "reading") as bar:
            api.waits = bar.waiting
            view = await api.until(id, {"checking", "running"}, bar.importing)
    except asyncio.CancelledError:  # Ctrl-C
        typer.echo(f"the import goes on without this command: `hearback imports follow {id}` watches it, `… cancel {id}` ends it", err=True)
        raise
    for line in account(view):
        typer.echo(line)
    if view["refused"]:
        await api.save_refused(id, refused)
        typer.echo(f"the refused rows and their reasons: {refused}")
    if view["refused"] or view["state"] != "done":
        raise typer.Exit(1)


def _agreed(view: View) -> bool:
    if not sys.stdin.isatty():
        raise ConfigurationError(f"nothing was sent: start it with `hearback imports start {view['id']}`; with --yes nobody is asked")
    try:
        return typer.confirm("start?")
    except typer.Abort:
        return False


def _give_up(view: View, line: str) -> NoReturn:
    async def cancel() -> None:
        async with imports_api() as api:
            await api.ask("POST", f"/{view['id']}/cancel")

    asyncio.run(cancel())
    raise ConfigurationError(line)


def _given(said: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _mapping(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path.name} should hold a mapping as a JSON object: see docs/imports.md")
    return found
