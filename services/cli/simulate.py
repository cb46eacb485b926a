"""`hearback simulate`: a contact centre posts through the public API until it is told to stop."""

import asyncio
import secrets
import signal
from contextlib import AsyncExitStack
from typing import Annotated

import httpx
import typer

from services.cli.client import public_api
from services.cli.running import join_running_stack
from services.cli.stack.stack_file import StackFile
from services.simulator.agents import Agents
from services.simulator.centre import ContactCentre
from services.simulator.posting import Poster
from services.simulator.run import Pace, Simulation
from shared.clock import utc_now

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    rate: Annotated[float, typer.Option(help="Events a second.", min=0.01, max=5000)] = 5.0,
    seed: Annotated[int | None, typer.Option(help="The same number makes the same customers and answers.")] = None,
    seconds: Annotated[float | None, typer.Option(help="End after so long; not by itself when not given.", min=0)] = None,
) -> None:
    """Post what a contact centre would: surveys, contacts, comments and complaints, in English and Chinese."""
    stack = join_running_stack()
    client = public_api(stack)
    chosen = secrets.randbelow(2**31) if seed is None else seed
    asyncio.run(_simulate(client, _cases_of(stack), rate, chosen, seconds))


def _cases_of(stack: StackFile | None) -> httpx.AsyncClient | None:
    """A client of the closed loop, when the stack that runs here has one."""
    if stack is None or stack.demo is None or "closed_loop" not in stack.services:
        return None
    return httpx.AsyncClient(base_url=stack.services["closed_loop"].url, headers={"Authorization": f"Bearer {stack.demo.key}"})


async def _simulate(client: httpx.AsyncClient, cases: httpx.AsyncClient | None, rate: float, seed: int, seconds: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    opened_at = utc_now()
    centre = ContactCentre(seed, run=f"{opened_at:%Y%m%dT%H%M%S%f}-{seed}")
    async with client, cases or AsyncExitStack():
        typer.echo(f"posting {rate:g} events a second to {client.base_url}")
        agents = None if cases is None else asyncio.create_task(Agents(cases, typer.echo, utc_now).run(stop))
        await Simulation(Poster(client, typer.echo), centre, Pace(rate, opened_at, seconds), typer.echo).run(stop)
        stop.set()
        if agents is not None:
            await agents
