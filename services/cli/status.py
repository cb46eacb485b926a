"""`hearback status`: each part of the running stack, asked now."""

import json
import socket
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import httpx
import typer
from rich.console import Console
from rich.table import Table

from services.cli.running import here
from services.cli.stack.child import started_at
from services.cli.stack.stack_file import StackFile
from services.cli.stopping import holder
from shared.errors import ConfigurationError

app = typer.Typer(add_completion=False)


class Answer(NamedTuple):
    """What a part says: `ready`, `not ready` (it runs but does not work), `down`."""

    part: str
    state: str
    url: str | None
    pid: int | None


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """Show the parts of the stack that runs here; exit code 1 when one is not ready."""
    state = here()
    if not state.stack_file.exists() and holder(state) is not None:
        raise ConfigurationError(f"the stack is still starting; what its parts say is in {state.logs}")
    stack = StackFile.read(state.stack_file)
    answers = ask(stack)
    if as_json:
        parts = {answer.part: {"state": answer.state, "url": answer.url, "pid": answer.pid} for answer in answers}
        typer.echo(json.dumps({"ready_seconds": stack.ready_seconds, "parts": parts}))
    else:
        table = Table("part", "state", "where", "pid")
        for answer in answers:
            table.add_row(answer.part, answer.state, answer.url or "", str(answer.pid or ""))
        Console().print(table)
    if any(answer.state != "ready" for answer in answers):
        raise typer.Exit(1)


def ask(stack: StackFile) -> list[Answer]:
    """Ask every part. No password is in the answers."""
    kafka = stack.kafka.bootstrap
    database = urlsplit(stack.postgres.url)
    answers = [
        Answer("kafka", "ready" if _listens(kafka) else "down", kafka, stack.kafka.pid),
        Answer(
            "postgres", "ready" if _listens(f"{database.hostname}:{database.port or 5432}") else "down", _public(stack), stack.postgres.pid
        ),
    ]
    answers += [Answer(name, _health(one.url), one.url, one.pid) for name, one in stack.services.items()]
    if stack.simulator_pid is not None:
        answers.append(Answer("simulator", "ready" if started_at(stack.simulator_pid) else "down", None, stack.simulator_pid))
    return answers


def _public(stack: StackFile) -> str:
    url = urlsplit(stack.postgres.url)
    return f"{url.scheme}://{url.hostname}:{url.port or 5432}"


def _health(url: str) -> str:
    try:
        return "ready" if httpx.get(f"{url}/health/ready", timeout=5.0).is_success else "not ready"
    except httpx.HTTPError:
        return "down"


def _listens(address: str) -> bool:
    host, _, port = address.split(",")[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except OSError:
        return False
    return True
