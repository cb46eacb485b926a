"""`hearback series`: what alerts asks of scoring."""

import asyncio

import typer

from services.alerts.store.series import ask_again
from services.cli.databases import open_database
from services.cli.running import join_running_stack
from shared.clock import utc_now

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Series of numbers that rules look at.")


@app.callback()
def series() -> None:
    """Series of numbers that rules look at."""


@app.command()
def announce() -> None:
    """Tell Kafka again which series rules need, for one that has lost it. A running alerts sends it; a scoring that knows it drops it."""
    join_running_stack()
    typer.echo(f"put into the outbox of alerts: {asyncio.run(_announce())} series")


async def _announce() -> int:
    async with open_database("alerts", "hearback series") as sessions, sessions.begin() as session:
        return await ask_again(session, utc_now())
