"""`hearback replay FILE`: history through the public API, as backfill: numbers count it, nobody is written to because of it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.cli.client import public_api
from services.cli.replay_file import Reading, read_events
from services.cli.running import join_running_stack
from services.simulator.posting import Outcome, Poster, Say
from shared.errors import ConfigurationError

app = typer.Typer(add_completion=False)

BATCH = 500
IN_FLIGHT = 4
REASONS_SHOWN = 10

Progressed = Callable[[], None]
File = Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON or a known CSV, or .gz.")]


@dataclass(slots=True)
class Result:
    """What became of a file: what was read, what was taken (`duplicates` of it known from before), and reasons of refusals."""

    reading: Reading = field(default_factory=Reading)
    accepted: int = 0
    duplicates: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one more batch in."""
        self.accepted += outcome.accepted
        self.duplicates += outcome.duplicates
        self.refused.update(refusal.reason for refusal in outcome.refused)

    def lines(self) -> Iterator[str]:
        """What to tell a person."""
        yield f"read {self.reading.rows:,} rows"
        for reason, count in self.reading.irregular.most_common():
            yield f"irregular, taken without what is wrong: {count:,} rows, each {reason}"
        for reason, count in self.reading.left_out.most_common():
            yield f"left out: {count:,} rows, each {reason}"
        yield f"accepted {self.accepted:,} events ({self.duplicates:,} of them known from before), refused {self.refused.total():,}"
        for reason, count in self.refused.most_common(REASONS_SHOWN):
            yield f"refused {count:,}: {reason}"
        if len(self.refused) > REASONS_SHOWN:
            yield f"and {len(self.refused) - REASONS_SHOWN:,} reasons more"


@app.command()
def replay(file: File) -> None:
    """Post a file as history. It may be broken off and begun again: what was taken before is not counted twice.

    The file holds one event as JSON a line, or is an open data set that is known by its header. Exit code 1 when something
    in it was not taken.
    """
    if not file.is_file():
        raise ConfigurationError(f"there is no file {file}")
    client = public_api(join_running_stack())
    console = Console()
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    result = Result()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(file.name, total=file.stat().st_size)

        def show() -> None:
            progress.update(bar, completed=result.reading.bytes_read, description=f"{file.name}: {result.accepted:,} accepted")

        def say(line: str) -> None:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

        asyncio.run(_replay(client, file, result, show, say))
    for line in result.lines():
        typer.echo(line)
    if result.refused or result.reading.left_out:
        raise typer.Exit(1)


async def _replay(client: httpx.AsyncClient, file: Path, result: Result, show: Progressed, say: Say) -> None:
    async with client:
        await post_file(Poster(client, say), file, result, show)


async def post_file(poster: Poster, file: Path, result: Result, show: Progressed) -> None:
    """Post every event of the file in batches, several at once, and count into `result`; `show` is called after each.

    Raises what `read_events` and `Poster.post` raise.
    """
    events = read_events(file, result.reading)
    never = asyncio.Event()

    async def caller() -> None:
        while batch := list(islice(events, BATCH)):
            result.add(await poster.post(batch, never))
            show()

    callers = [asyncio.create_task(caller()) for _ in range(IN_FLIGHT)]
    try:
        await asyncio.gather(*callers)
    finally:
        for task in callers:
            task.cancel()
