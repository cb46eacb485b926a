"""`hearback surveys`: what a survey has brought, as a person reads it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.client import public_api
from services.cli.import_client import told
from services.cli.import_screen import printable
from services.cli.running import join_running_stack
from shared.errors import HearbackError, Unavailable

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Surveys and what they brought.")


@app.callback()
def surveys() -> None:
    """Surveys and what they brought."""


@app.command()
def results(
    survey: Annotated[str, typer.Argument(metavar="ID")],
    days: Annotated[int | None, typer.Option(min=1, max=3660, help="Of invitations made since; all when not given.")] = None,
) -> None:
    """Show who was asked and who answered, of those who could be, stratum by stratum; and what they answered."""
    show_results(Console(), asyncio.run(_results(survey, days)))


async def _results(survey: str, days: int | None) -> dict[str, Any]:
    async with public_api(join_running_stack()) as client:
        try:
            answer = await client.get(f"/v1/surveys/{quote(survey, safe='')}/results", params={} if days is None else {"days": days})
        except httpx.TransportError as failed:
            raise Unavailable("ingest", type(failed).__name__) from None
    if answer.status_code == 404:
        raise HearbackError(f"there is no survey {survey}")
    return told(answer)


def show_results(console: Console, found: Mapping[str, Any]) -> None:
    """What `GET /v1/surveys/{id}/results` answers."""
    totals = found["totals"]
    counts = ", ".join(f"{what} {totals[what]:,}" for what in ("planned", "sent", "opened", "answered", "finished"))
    rate = "" if found["response_rate"] is None else f"; response rate {found['response_rate']:.1%}"
    _say(console, f"{found['survey']}: {counts}{rate}")
    if totals["walked_in"]:
        _say(console, f"answered without having been asked: {totals['walked_in']:,}")
    for what, named in (("passed_over", "passed over"), ("failed", "failed"), ("flags", "flagged, counted all the same")):
        if totals[what]:
            _say(console, f"{named}: {_times(totals[what])}")
    console.print(_strata(found["strata"]))
    for question, fields in found["answers"].items():
        for field, times in fields.items():
            _say(console, f"{question}{'' if field in ('score', 'choice') else f' ({field})'}: {_times(times)}")


def _strata(strata: Sequence[Mapping[str, Any]]) -> Table:
    """The achieved sample against the base: where the two shares differ, the answers do not stand for everybody."""
    by = [name for name in ("segment", "region", "product") if any(one[name] for one in strata)]
    table = Table(*by, *("base", "of base", "asked", "answered", "of answers"))
    for name in ("base", "of base", "asked", "answered", "of answers"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for one in strata:
        named = [one[name] or "–" for name in by]
        shares = [_share(one["share_of_base"]), _share(one["share_of_answers"])]
        cells = (*named, f"{one['base']:,}", shares[0], f"{one['asked']:,}", f"{one['answered']:,}", shares[1])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _times(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{times:,} × {what or 'no reason'}" for what, times in sorted(counted.items(), key=lambda one: -one[1]))


def _say(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
